import { SqlPage } from '@/components/sql/sql-page'

export const metadata = { title: 'SQL' }

export default function Page() {
  return <SqlPage />
}
