// Leaves out the schemas: `Type.Object({…})`, and objects of them. They say what stands on the wire, and the flows over HTTP test that.
const isSchema = (node) =>
  (node?.type === 'CallExpression' && node.callee.type === 'MemberExpression' && node.callee.object.name === 'Type') ||
  (node?.type === 'ObjectExpression' && node.properties.some(({ value }) => value && isSchema(value)))

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'schemas',
    value: { shouldIgnore: (path) => (isSchema(path.node) ? 'a schema of the wire, tested by the flows in test/' : undefined) },
  },
]
