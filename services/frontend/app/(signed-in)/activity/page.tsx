import { ActivityPage } from '@/components/jobs/activity-page'

export const metadata = { title: 'Activity' }

export default function Page() {
  return <ActivityPage />
}
