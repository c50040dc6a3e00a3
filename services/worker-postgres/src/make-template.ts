/** Makes the data directory that first starts copy. Usage: make-template.js FOLDER */
import { prepareTemplate } from './server/template.ts'

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('usage: make-template.js FOLDER')
process.stdout.write(`${await prepareTemplate(folder, null)}\n`)
