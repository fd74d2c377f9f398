import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../../app.ts'

export const simulatorRoutes: FastifyPluginAsync<Parts> = async () => {}
