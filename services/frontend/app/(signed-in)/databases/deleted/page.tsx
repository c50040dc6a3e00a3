import { DeletedPage } from '@/components/deleted/deleted-page'

export const metadata = { title: 'Deleted databases' }

export default function Page() {
  return <DeletedPage />
}
