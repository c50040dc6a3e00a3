/*
** A statement's rows as JSON text, by the contract's rules for values: what its column's type does not explain, a
** cell says itself. Text that is not UTF-8 has U+FFFD for what cannot be read, as everywhere where SQLite meets
** JavaScript; cast(x as blob) gives its bytes.
*/
#include "guard.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_KEPT_BYTES = 256 * 1024 };

static char *room(Text *text, size_t bytes) {
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

static void add(Text *text, const void *bytes, size_t length) {
  char *out = room(text, length);
  if (!out || length == 0) return;
  memcpy(out, bytes, length);
  text->length += length;
}

static void addString(Text *text, const char *string) {
  add(text, string, strlen(string));
}

static void addInteger(Text *text, int64_t value) {
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

static void addQuoted(Text *text, const unsigned char *at, size_t left) {
  add(text, "\"", 1);
  while (left > 0) {
    size_t length = plainBytes(at, left);
    int whole = 1;
    if (length > 0) add(text, at, length);
    else if (*at < 0x80) {
      addEscaped(text, *at);
      length = 1;
    } else {
      length = sequence(at, left, &whole);
      if (whole) add(text, at, length);
      else add(text, "\xEF\xBF\xBD", 3);
    }
    at += length;
    left -= length;
  }
  add(text, "\"", 1);
}

static void addBase64(Text *text, const unsigned char *at, size_t left) {
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = room(text, (left + 2) / 3 * 4 + 2), *start = out;
  if (!out) return;
  *out++ = '"';
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
  *out++ = '"';
  text->length += (size_t)(out - start);
}

static void addSafeInteger(Text *text, int64_t value, const char *before, const char *after) {
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

/* Returns whether the cell may be part of a row at all. */
static int addCell(Text *text, sqlite3_stmt *stmt, int column, int type, double bytesMax) {
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
      addBase64(text, blob, blob ? length : 0);
      if (type != TYPE_BLOB) add(text, "}", 1);
      return 1;
    }
  }
}

/* Returns 0, with nothing added, if the row is larger than a row may be. */
static int addRow(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  Statement *statement = cursor->statement;
  Text *text = &guard->text;
  size_t start = text->length;
  if (cursor->rows > 0 && !cursor->asLines) add(text, ",", 1);
  for (int at = 0; at < statement->columnCount; at++) {
    Column *column = &statement->columns[at];
    if (cursor->asArrays) add(text, at ? "," : "[", 1);
    else add(text, column->key, column->keyLength);
    if (addCell(text, statement->stmt, at, column->type, cursor->rowBytesMax) &&
        (double)(text->length - start) <= cursor->rowBytesMax)
      continue;
    text->length = start;
    return 0;
  }
  addString(text, cursor->asArrays ? "]" : "}");
  if (cursor->asLines) add(text, "\n", 1);
  return 1;
}

static void addHead(Guard *guard) {
  static const char *const TYPES[] = {"integer", "real", "text", "blob", "any"};
  static const int TYPE_OF[] = {0, TYPE_INTEGER, TYPE_REAL, TYPE_TEXT, TYPE_BLOB, TYPE_ANY};
  Cursor *cursor = &guard->cursor;
  Statement *statement = cursor->statement;
  Text *text = &guard->text;
  addString(text, cursor->asLines ? "[" : "{\"columns\":[");
  for (int at = 0; at < statement->columnCount; at++) {
    Column *column = &statement->columns[at];
    if (!column->settled)
      column->type = cursor->stepped == SQLITE_ROW ? TYPE_OF[sqlite3_column_type(statement->stmt, at)] : TYPE_ANY;
    if (at > 0) add(text, ",", 1);
    add(text, column->head, column->headLength);
    addString(text, TYPES[column->type]);
    add(text, "\"}", 2);
  }
  addString(text, cursor->asLines ? "]" : "],\"rows\":[");
}

static void addTail(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  int changesRows = cursor->statement->does & DOES_ROWS;
  sqlite3_int64 changes = changesRows ? sqlite3_changes64(guard->db) : 0;
  addString(text, cursor->asLines ? "{\"rowsAffected\":" : "],\"rowsAffected\":");
  addInteger(text, changes);
  if (changes > 0 && cursor->statement->does & DOES_ROWID) {
    addString(text, ",\"lastInsertId\":");
    addSafeInteger(text, sqlite3_last_insert_rowid(guard->db), "\"", "\"");
  }
  addString(text, ",\"durationMs\":");
  char *out = room(text, REAL_BYTES_MAX);
  if (out) text->length += (size_t)writeReal(out, (double)((nowNanos() - cursor->startedNanos) / 1000) / 1000);
  addString(text, cursor->truncated ? ",\"truncated\":true}" : ",\"truncated\":false}");
}

void freeColumns(Statement *statement) {
  for (int at = 0; at < statement->columnCount; at++) {
    free(statement->columns[at].key);
    free(statement->columns[at].head);
  }
  free(statement->columns);
  statement->columns = 0;
  statement->columnCount = 0;
}

int startCursor(Guard *guard, Statement *statement) {
  Cursor *cursor = &guard->cursor;
  cursor->statement = statement;
  cursor->startedNanos = nowNanos();
  guard->text.length = guard->text.failed = 0;
  guard->refusal[0] = 0;
  return cursor->stepped = stepGuarded(guard, statement);
}

/* One row more, unless the answer has as much as it may hold. */
static int addNextRow(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  size_t start = text->length;
  if (cursor->rowsMax >= 0 && cursor->rows >= cursor->rowsMax) cursor->truncated = 1;
  else if (!addRow(guard)) {
    if (!(cursor->statement->does & DOES_WRITE)) return SQLITE_TOOBIG;
    cursor->truncated = 1;
  } else if (cursor->bytes + (double)text->length > cursor->bytesMax) {
    text->length = start;
    cursor->truncated = 1;
  } else {
    cursor->lastRow = start;
    cursor->rows++;
  }
  return SQLITE_OK;
}

/*
** Puts the next part of the answer into the guard's text: SQLITE_ROW if there is more to come, SQLITE_DONE if not.
** The list of columns and the end are parts of their own where rows are lines. A statement that writes is run to its
** end however little of it is shown.
*/
int fillText(Guard *guard, size_t chunkBytes) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  cursor->bytes += (double)text->length;
  text->length = cursor->taken = cursor->lastRow = 0;
  if (cursor->stage == STAGE_HEAD) {
    addHead(guard);
    cursor->stage = STAGE_ROWS;
    if (cursor->asLines) return text->failed ? SQLITE_NOMEM : SQLITE_ROW;
  }
  while (cursor->stepped == SQLITE_ROW) {
    if (!cursor->truncated) {
      if (text->length >= chunkBytes) return SQLITE_ROW;
      int rc = addNextRow(guard);
      if (rc == SQLITE_OK && text->failed) rc = SQLITE_NOMEM;
      if (rc != SQLITE_OK) return rc;
    }
    if (cursor->truncated && !(cursor->statement->does & DOES_WRITE)) break;
    cursor->stepped = stepGuarded(guard, cursor->statement);
  }
  if (cursor->stepped != SQLITE_DONE && cursor->stepped != SQLITE_ROW) return cursor->stepped;
  cursor->stepped = SQLITE_DONE;
  if (cursor->asLines && text->length > 0) return SQLITE_ROW;
  addTail(guard);
  cursor->stage = STAGE_DONE;
  return text->failed ? SQLITE_NOMEM : SQLITE_DONE;
}

void endCursor(Guard *guard) {
  Text *text = &guard->text;
  if (guard->cursor.statement) {
    sqlite3_reset(guard->cursor.statement->stmt);
    sqlite3_clear_bindings(guard->cursor.statement->stmt);
  }
  guard->cursor = (Cursor){0};
  text->length = 0;
  if (text->capacity > TEXT_KEPT_BYTES) {
    free(text->bytes);
    *text = (Text){0};
  }
}
