import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'

export const checkoutRoutes: FastifyPluginAsync<Parts> = async () => {}
