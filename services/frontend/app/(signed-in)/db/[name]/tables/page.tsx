import { TablesPage } from '@/components/tables/tables-page'

export const metadata = { title: 'Tables' }

export default function Page() {
  return <TablesPage />
}
