import { Check } from 'lucide-react'
import { DropdownMenu as MenuPrimitive } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from '@/lib/cn'

/** Not modal, and drawn where it stands: the rest of the page stays reachable and the menu inside its landmark. */
export function DropdownMenu(props: ComponentProps<typeof MenuPrimitive.Root>) {
  return <MenuPrimitive.Root modal={false} {...props} />
}

export const DropdownMenuTrigger = MenuPrimitive.Trigger
export const DropdownMenuRadioGroup = MenuPrimitive.RadioGroup

export function DropdownMenuContent({
  className,
  ...props
}: ComponentProps<typeof MenuPrimitive.Content>) {
  return (
    <MenuPrimitive.Content
      data-slot="dropdown-menu-content"
      sideOffset={4}
      align="end"
      collisionPadding={8}
      className={cn(
        'z-50 min-w-44 rounded-md border bg-popover p-1 shadow-popover data-[state=open]:animate-in data-[state=open]:fade-in-0',
        className,
      )}
      {...props}
    />
  )
}

const item =
  'relative flex min-h-7 items-center gap-2 rounded-sm px-2 py-1 outline-none select-none data-[highlighted]:bg-accent data-[disabled]:text-muted-foreground [&_svg]:size-3.5 [&_svg]:shrink-0'

export function DropdownMenuItem({
  className,
  ...props
}: ComponentProps<typeof MenuPrimitive.Item>) {
  return (
    <MenuPrimitive.Item data-slot="dropdown-menu-item" className={cn(item, className)} {...props} />
  )
}

export function DropdownMenuRadioItem({
  className,
  children,
  ...props
}: ComponentProps<typeof MenuPrimitive.RadioItem>) {
  return (
    <MenuPrimitive.RadioItem
      data-slot="dropdown-menu-radio-item"
      className={cn(item, 'pr-7', className)}
      {...props}
    >
      {children}
      <MenuPrimitive.ItemIndicator className="absolute right-2">
        <Check aria-hidden />
      </MenuPrimitive.ItemIndicator>
    </MenuPrimitive.RadioItem>
  )
}

export function DropdownMenuSeparator() {
  return (
    <MenuPrimitive.Separator
      data-slot="dropdown-menu-separator"
      className="-mx-1 my-1 h-px bg-border"
    />
  )
}
