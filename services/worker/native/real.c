/*
** The shortest decimal that reads back as the same double, in JavaScript's notation. The digits come from Raffaello
** Giulietti's Schubfach; its table of powers of ten is computed when the library is loaded.
*/
#include "guard.h"
#include <string.h>

enum { POWER_MIN = -292, POWER_MAX = 324, LIMBS = 40 };

typedef struct {
  uint64_t high, low;
} Power;

static Power powers[POWER_MAX - POWER_MIN + 1];

/* The 128 highest bits, rounded up where more follow. */
static Power leading(const uint32_t *limbs, int inexact) {
  int top = LIMBS - 1;
  while (limbs[top] == 0) top--;
  int shift = __builtin_clz(limbs[top]);
  unsigned __int128 bits = 0;
  for (int at = top; at > top - 5; at--) {
    uint64_t limb = at < 0 ? 0 : limbs[at];
    if (at > top - 4) bits = bits << 32 | limb;
    else {
      if (shift > 0) bits = bits << shift | limb >> (32 - shift);
      if ((uint32_t)(limb << shift) != 0) inexact = 1;
    }
  }
  for (int at = top - 5; at >= 0 && !inexact; at--) inexact = limbs[at] != 0;
  bits += inexact;
  return (Power){(uint64_t)(bits >> 64), (uint64_t)bits};
}

__attribute__((constructor)) static void computePowers(void) {
  uint32_t limbs[LIMBS] = {1};
  for (int k = 0; k <= POWER_MAX; k++) {
    powers[k - POWER_MIN] = leading(limbs, 0);
    uint64_t carry = 0;
    for (int at = 0; at < LIMBS; at++, carry >>= 32)
      limbs[at] = (uint32_t)(carry += (uint64_t)limbs[at] * 10);
  }
  memset(limbs, 0, sizeof limbs);
  limbs[LIMBS - 1] = 1;
  for (int k = -1; k >= POWER_MIN; k--) {
    uint64_t rest = 0;
    for (int at = LIMBS - 1; at >= 0; at--) {
      rest = rest << 32 | limbs[at];
      limbs[at] = (uint32_t)(rest / 10);
      rest %= 10;
    }
    powers[k - POWER_MIN] = leading(limbs, 1);
  }
}

static uint64_t roundToOdd(Power g, uint64_t c) {
  unsigned __int128 low = (unsigned __int128)g.low * c;
  unsigned __int128 high = (unsigned __int128)g.high * c + (uint64_t)(low >> 64);
  return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* digits × 10^exponent */
static uint64_t shortest(uint64_t bits, int *exponent) {
  uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
  int biased = (int)(bits >> 52 & 0x7ff);
  uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
  int q = (biased ? biased : 1) - 1075;
  int closer = fraction == 0 && biased > 1;
  int odd = c & 1;
  int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
  int h = q + ((-k * 1741647) >> 19) + 1;
  Power g = powers[-k - POWER_MIN];
  uint64_t lower = roundToOdd(g, (4 * c - 2 + (uint64_t)closer) << h) + (uint64_t)odd;
  uint64_t value = roundToOdd(g, (4 * c) << h);
  uint64_t upper = roundToOdd(g, (4 * c + 2) << h) - (uint64_t)odd;
  uint64_t s = value / 4;
  if (s >= 10) {
    uint64_t tens = s / 10;
    int below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
    if (below != above) {
      *exponent = k + 1;
      return tens + (uint64_t)above;
    }
  }
  *exponent = k;
  int below = lower <= 4 * s, above = 4 * s + 4 <= upper;
  if (below != above) return s + (uint64_t)above;
  uint64_t middle = 4 * s + 2;
  return s + (value > middle || (value == middle && (s & 1)));
}

int writeInteger(char *out, int64_t value) {
  char digits[20];
  int count = 0, length = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (value < 0) out[length++] = '-';
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count > 0) out[length++] = digits[--count];
  return length;
}

static int fill(char *out, char byte, int count) {
  memset(out, byte, (size_t)count);
  return count;
}

/* Finite only; at most REAL_BYTES_MAX bytes. */
int writeReal(char *out, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value == 0) {
    memcpy(out, "-0.0", 4);
    if (bits) return 4;
    out[0] = '0';
    return 1;
  }
  if (value >= -9007199254740991.0 && value <= 9007199254740991.0 && value == (double)(int64_t)value)
    return writeInteger(out, (int64_t)value);
  int length = 0, exponent;
  if (value < 0) out[length++] = '-';
  uint64_t number = shortest(bits & ~(UINT64_C(1) << 63), &exponent);
  while (number % 10 == 0) {
    number /= 10;
    exponent++;
  }
  char digits[20];
  int count = writeInteger(digits, (int64_t)number);
  int point = count + exponent; /* where the decimal point stands among the digits */
  if (point > 21 || point < -5) {
    out[length++] = digits[0];
    if (count > 1) out[length++] = '.';
    memcpy(out + length, digits + 1, (size_t)count - 1);
    length += count - 1;
    out[length++] = 'e';
    if (point > 0) out[length++] = '+';
    return length + writeInteger(out + length, point - 1);
  }
  if (point <= 0) {
    length += fill(out + length, '0', 1);
    out[length++] = '.';
    length += fill(out + length, '0', -point);
  }
  for (int at = 0; at < count; at++) {
    if (at == point && at > 0) out[length++] = '.';
    out[length++] = digits[at];
  }
  if (exponent > 0) length += fill(out + length, '0', exponent);
  return length;
}
