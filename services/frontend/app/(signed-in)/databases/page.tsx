import { DatabasesPage } from '@/components/databases/databases-page'

export const metadata = { title: 'Databases' }

export default function Page() {
  return <DatabasesPage />
}
