/*
** Cells as text: JSON by the contract's rules for values, where a cell says itself what its column's type does not
** explain, and CSV. Text that is not UTF-8 has U+FFFD for what cannot be read, as everywhere where SQLite meets
** JavaScript; cast(x as blob) gives its bytes.
*/
#include "guard.h"
#include <stdlib.h>
#include <string.h>

char *room(Text *text, size_t bytes) {
  if (text->capacity - text->length < bytes) {
    size_t wanted = text->length + bytes, capacity = wanted + wanted / 2 + 1024;
    char *grown = text->failed ? 0 : realloc(text->bytes, capacity);
    if (!grown) {
      text->failed = 1;
      return 0;
    }
    text->bytes = grown;
    text->capacity = capacity;
  }
  return text->bytes + text->length;
}

void add(Text *text, const void *bytes, size_t length) {
  char *out = room(text, length);
  if (!out || length == 0) return;
  memcpy(out, bytes, length);
  text->length += length;
}

void addString(Text *text, const char *string) {
  add(text, string, strlen(string));
}

void addInteger(Text *text, int64_t value) {
  char *out = room(text, 24);
  if (out) text->length += (size_t)writeInteger(out, value);
}

/* Length of the UTF-8 sequence that begins here, or of as much of one as is right, and whether it is whole. */
static size_t sequence(const unsigned char *at, size_t left, int *whole) {
  unsigned char first = at[0], low = 0x80, high = 0xbf;
  size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  *whole = 0;
  if (first < 0xc2 || first > 0xf4) return 1;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
    if (i >= left || at[i] < low || at[i] > high) return i;
  *whole = 1;
  return length;
}

static size_t plainBytes(const unsigned char *at, size_t left) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
  size_t length = 0;
  for (; left - length >= 8; length += 8) {
    uint64_t word;
    memcpy(&word, at + length, 8);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    if (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & tops) break;
  }
  while (length < left && at[length] >= 0x20 && at[length] < 0x80 && at[length] != '"' && at[length] != '\\') length++;
  return length;
}

static void addEscaped(Text *text, unsigned char byte) {
  static const char SHORT[] = "btn\0fr", HEX[] = "0123456789abcdef";
  char escape[6] = {'\\', (char)byte, '0', '0', 0, 0};
  size_t length = 2;
  if (byte < 0x20) {
    char letter = byte >= 8 && byte <= 13 ? SHORT[byte - 8] : 0;
    escape[1] = letter ? letter : 'u';
    escape[4] = HEX[byte >> 4];
    escape[5] = HEX[byte & 15];
    if (!letter) length = 6;
  }
  add(text, escape, length);
}

/* The next character beyond ASCII; returns how many bytes it took. */
static size_t addWide(Text *text, const unsigned char *at, size_t left) {
  int whole;
  size_t length = sequence(at, left, &whole);
  if (whole) add(text, at, length);
  else add(text, "\xEF\xBF\xBD", 3);
  return length;
}

static void addQuoted(Text *text, const unsigned char *at, size_t left) {
  add(text, "\"", 1);
  while (left > 0) {
    size_t length = plainBytes(at, left);
    if (length > 0) add(text, at, length);
    else if (*at < 0x80) {
      addEscaped(text, *at);
      length = 1;
    } else length = addWide(text, at, left);
    at += length;
    left -= length;
  }
  add(text, "\"", 1);
}

static void addBase64(Text *text, const unsigned char *at, size_t left) {
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = room(text, (left + 2) / 3 * 4), *start = out;
  if (!out) return;
  for (; left >= 3; at += 3, left -= 3) {
    uint32_t bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
    *out++ = DIGITS[bits >> 18];
    *out++ = DIGITS[bits >> 12 & 63];
    *out++ = DIGITS[bits >> 6 & 63];
    *out++ = DIGITS[bits & 63];
  }
  if (left > 0) {
    uint32_t bits = (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0);
    *out++ = DIGITS[bits >> 18];
    *out++ = DIGITS[bits >> 12 & 63];
    *out++ = left > 1 ? DIGITS[bits >> 6 & 63] : '=';
    *out++ = '=';
  }
  text->length += (size_t)(out - start);
}

void addSafeInteger(Text *text, int64_t value, const char *before, const char *after) {
  int safe = value >= -9007199254740991 && value <= 9007199254740991;
  if (!safe) addString(text, before);
  addInteger(text, value);
  if (!safe) addString(text, after);
}

static void addReal(Text *text, double value) {
  char *out = room(text, REAL_BYTES_MAX);
  if (!out) return;
  /* SQLite knows no NaN: it is null. */
  if (value - value != 0) addString(text, value > 0 ? "{\"$real\":\"Infinity\"}" : "{\"$real\":\"-Infinity\"}");
  else text->length += (size_t)writeReal(out, value);
}

/* JSON. Returns whether the cell may be part of a row at all. */
int addCell(Text *text, sqlite3_stmt *stmt, int column, int type, double bytesMax) {
  size_t length;
  switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
      if (type == TYPE_INTEGER) addSafeInteger(text, sqlite3_column_int64(stmt, column), "\"", "\"");
      else addSafeInteger(text, sqlite3_column_int64(stmt, column), "{\"$integer\":\"", "\"}");
      return 1;
    case SQLITE_FLOAT:
      addReal(text, sqlite3_column_double(stmt, column));
      return 1;
    case SQLITE_NULL:
      add(text, "null", 4);
      return 1;
    case SQLITE_TEXT: {
      const unsigned char *string = sqlite3_column_text(stmt, column);
      length = (size_t)sqlite3_column_bytes(stmt, column);
      if ((double)length > bytesMax) return 0;
      int tagged = type == TYPE_INTEGER || type == TYPE_BLOB;
      if (tagged) addString(text, "{\"$text\":");
      addQuoted(text, string, string ? length : 0);
      if (tagged) add(text, "}", 1);
      return 1;
    }
    default: {
      const unsigned char *blob = sqlite3_column_blob(stmt, column);
      length = (size_t)sqlite3_column_bytes(stmt, column);
      if ((double)length / 3 * 4 > bytesMax) return 0;
      if (type != TYPE_BLOB) addString(text, "{\"$blob\":");
      add(text, "\"", 1);
      addBase64(text, blob, blob ? length : 0);
      add(text, "\"", 1);
      if (type != TYPE_BLOB) add(text, "}", 1);
      return 1;
    }
  }
}

static int needsQuotes(const unsigned char *at, size_t left) {
  if (left == 0) return 1;
  for (size_t i = 0; i < left; i++)
    if (at[i] == '"' || at[i] == ',' || at[i] == '\r' || at[i] == '\n') return 1;
  return 0;
}

/* Of RFC 4180. Empty text has quotes, null has none. */
void addCsvText(Text *text, const unsigned char *at, size_t left) {
  int quotes = needsQuotes(at, left);
  if (quotes) add(text, "\"", 1);
  while (left > 0) {
    size_t length = 0;
    while (length < left && at[length] < 0x80 && at[length] != '"') length++;
    if (length > 0) add(text, at, length);
    else if (*at == '"') {
      add(text, "\"\"", 2);
      length = 1;
    } else length = addWide(text, at, left);
    at += length;
    left -= length;
  }
  if (quotes) add(text, "\"", 1);
}

/* Returns whether the cell may be part of a row at all. */
int addCsvCell(Text *text, sqlite3_stmt *stmt, int column, double bytesMax) {
  size_t length;
  double real;
  switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
      addInteger(text, sqlite3_column_int64(stmt, column));
      return 1;
    case SQLITE_FLOAT:
      real = sqlite3_column_double(stmt, column);
      if (real - real != 0) addString(text, real > 0 ? "Infinity" : "-Infinity");
      else addReal(text, real);
      return 1;
    case SQLITE_NULL:
      return 1;
    case SQLITE_TEXT: {
      const unsigned char *string = sqlite3_column_text(stmt, column);
      length = (size_t)sqlite3_column_bytes(stmt, column);
      if ((double)length > bytesMax) return 0;
      addCsvText(text, string, string ? length : 0);
      return 1;
    }
    default: {
      const unsigned char *blob = sqlite3_column_blob(stmt, column);
      length = (size_t)sqlite3_column_bytes(stmt, column);
      if ((double)length / 3 * 4 > bytesMax) return 0;
      if (length == 0) addString(text, "\"\"");
      else addBase64(text, blob, blob ? length : 0);
      return 1;
    }
  }
}
