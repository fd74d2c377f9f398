// Writes the results of the last whole `npm run mutation` into docs/mutation.md.
import { readFileSync, writeFileSync } from 'node:fs'

const { files } = JSON.parse(readFileSync('node_modules/.cache/mutation/report.json', 'utf8'))
const detected = ['Killed', 'Timeout']
const missed = ['Survived', 'NoCoverage']

const rows = Object.entries(files)
  .map(([name, { mutants }]) => {
    const count = (statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
    return { name: name.replace('src/', ''), killed: count(detected), survived: count(missed) }
  })
  .filter(({ killed, survived }) => killed + survived > 0)
  .sort((one, other) => one.name.localeCompare(other.name))
const sum = (member) => rows.reduce((total, row) => total + row[member], 0)
const line = ({ name, killed, survived }) =>
  `| ${name} | ${killed + survived} | ${killed} | ${survived} | ${((100 * killed) / (killed + survived)).toFixed(1)} |`
const table = [
  '| File of `src/` | Mutants | Killed | Survived | Score, % |',
  '| --- | ---: | ---: | ---: | ---: |',
  ...rows.map(line),
  line({ name: '**all**', killed: sum('killed'), survived: sum('survived') }),
]
const page = readFileSync('docs/mutation.md', 'utf8')
writeFileSync('docs/mutation.md', page.replace(/^\| File[\s\S]*?(?=\n\n)/m, table.join('\n')))
