export { EXIT } from '@db-forge/contract/wire/exit-codes'
export { Connection, type Service } from './connection.ts'
export { checkOwnFolder, checkSocketPath, shareWithGroup } from './folder.ts'
export { type Launch, type LaunchEnv, readLaunch } from './launch.ts'
export { type Listener, listen } from './listen.ts'
export { errorFields, type Log, type LogFields, log } from './log.ts'
export type { LongText, Payload } from './payload.ts'
export {
  deadlineOf,
  isTimed,
  parseCancel,
  parseCredit,
  parseRequest,
  type Request,
} from './request.ts'
export { isTerm, Leadership, parseConfigure } from './settings.ts'
export { StartError } from './start-error.ts'
export { uniqueKeys } from './unique-keys.ts'
export { type Identity, welcomeText } from './welcome.ts'
export { errorText, type FailureDetails, WorkerFailure } from './worker-failure.ts'
