interface SparklineProps {
  readonly values: readonly number[]
  /** The least top of the scale, so that noise does not look like load. */
  readonly floor: number
  readonly label: string
}

const WIDTH = 100
const HEIGHT = 24

/** A line of the last values, the newest at the right; the figures beside it say the same in words. */
export function Sparkline({ values, floor, label }: SparklineProps) {
  if (values.length < 2) return null
  const top = Math.max(floor, ...values) * 1.1
  const step = WIDTH / Math.max(29, values.length - 1)
  const left = WIDTH - step * (values.length - 1)
  const points = values.map(
    (value, at) =>
      `${(left + at * step).toFixed(2)},${(HEIGHT - (value / top) * HEIGHT).toFixed(2)}`,
  )
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
      className="size-full overflow-visible"
    >
      <polyline
        points={points.join(' ')}
        fill="none"
        className="stroke-primary"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
      />
    </svg>
  )
}
