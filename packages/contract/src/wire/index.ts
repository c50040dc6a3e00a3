export * from './exit-codes.ts'
export * from './folder.ts'
export * from './frame.ts'
export * from './messages.ts'
