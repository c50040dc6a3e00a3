import type { TableInfo } from '@db-forge/contract'

const words: Readonly<Record<TableInfo['kind'], string>> = {
  table: 'table',
  view: 'view',
  materializedView: 'materialized view',
  virtual: 'virtual table',
}

/** What a table is, in the words of its engine: those with schemas call foreign what others call virtual. */
export const kindOf = ({ kind, schema }: Pick<TableInfo, 'kind' | 'schema'>) =>
  kind === 'virtual' && schema !== undefined ? 'foreign table' : words[kind]
