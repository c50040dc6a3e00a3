import { cva, type VariantProps } from 'class-variance-authority'
import { Slot } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from '@/lib/cn'

const buttonVariants = cva(
  'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap select-none disabled:opacity-50 aria-disabled:opacity-50 [&_svg]:size-3.5 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-primary text-primary-foreground enabled:hover:bg-primary-hover',
        outline: 'border bg-card enabled:hover:bg-accent [a&]:hover:bg-accent',
        ghost:
          'text-muted-foreground enabled:hover:bg-accent enabled:hover:text-foreground [a&]:hover:bg-accent [a&]:hover:text-foreground',
        destructive:
          'bg-destructive text-destructive-foreground enabled:hover:bg-destructive-hover',
      },
      size: {
        md: 'h-8 px-3',
        sm: 'h-7 px-2 text-xs',
        icon: 'size-7',
      },
    },
    defaultVariants: { variant: 'outline', size: 'md' },
  },
)

type ButtonProps = ComponentProps<'button'> &
  VariantProps<typeof buttonVariants> & { readonly asChild?: boolean }

export function Button({ className, variant, size, asChild, type, ...props }: ButtonProps) {
  const Element = asChild ? Slot.Root : 'button'
  return (
    <Element
      data-slot="button"
      type={asChild ? undefined : (type ?? 'button')}
      className={cn(buttonVariants({ variant, size }), className)}
      {...props}
    />
  )
}
