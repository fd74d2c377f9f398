// Stands in for `node:test` in the bundles of the mutation test: tests are collected, so that one process can run them many times.
const collected = () => {
  globalThis.collectedTests ??= []
  return globalThis.collectedTests
}

export const test = (name, run) => collected().push({ name, run })
export const describe = (_name, run) => run()
