import { Tabs as TabsPrimitive } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from '@/lib/cn'

export const Tabs = TabsPrimitive.Root
export const TabsContent = TabsPrimitive.Content

export function TabsList({ className, ...props }: ComponentProps<typeof TabsPrimitive.List>) {
  return (
    <TabsPrimitive.List
      data-slot="tabs-list"
      className={cn('flex overflow-x-auto border-b bg-muted', className)}
      {...props}
    />
  )
}

export function TabsTrigger({ className, ...props }: ComponentProps<typeof TabsPrimitive.Trigger>) {
  return (
    <TabsPrimitive.Trigger
      data-slot="tabs-trigger"
      className={cn(
        'flex h-8 shrink-0 items-center gap-1.5 border-r border-b-2 border-b-transparent px-3 text-xs outline-offset-[-2px] data-[state=active]:border-b-primary data-[state=active]:bg-card [&_svg]:size-3.5',
        className,
      )}
      {...props}
    />
  )
}
