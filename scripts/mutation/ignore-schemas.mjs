// Leaves out the schemas, `Type.Object({…})`: they say what stands on the wire, and the flows over HTTP test that.
const isSchema = (node) =>
  node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && node.callee.object.name === 'Type'

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'schemas',
    value: { shouldIgnore: (path) => (isSchema(path.node) ? 'a schema of the wire, tested by the flows in test/' : undefined) },
  },
]
