package move

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/store/sqldb"
)

// Damage is a row that can't be copied as it is.
type Damage struct {
	Table   string `json:"table"`
	Key     string `json:"key"`
	Problem string `json:"problem"`
}

// String is for people.
func (d Damage) String() string {
	return fmt.Sprintf("table %s, row %s: %s", d.Table, d.Key, d.Problem)
}

// checked makes a row's values of their columns' kinds, in place: int64, string, []byte,
// bool, or nil. SQLite keeps whatever is written into a column, so that a value of
// another kind is damage and nothing to convert.
func (t *table) checked(row []any) (problem string) {
	for n, c := range t.columns {
		value, fine := asKind(c, row[n])
		if fine != "" {
			return fmt.Sprintf("column %s %s", c.Name, fine)
		}
		row[n] = value
	}
	return ""
}

func asKind(c sqldb.Column, value any) (_ any, problem string) {
	if value == nil {
		if c.Nullable && c.Key == 0 {
			return nil, ""
		}
		return nil, "is NULL"
	}
	switch c.Kind {
	case "BIGINT":
		if number, is := value.(int64); is {
			return number, ""
		}
	case "TEXT":
		if text, is := value.(string); is {
			switch {
			case !utf8.ValidString(text):
				return nil, "is text that is not UTF-8"
			case strings.IndexByte(text, 0) >= 0:
				return nil, "has a NUL character in its text"
			}
			return text, ""
		}
	case "BYTEA":
		if raw, is := value.([]byte); is {
			if raw == nil {
				raw = []byte{} // no bytes are not NULL, which would be no value at all
			}
			return raw, ""
		}
	case "BOOLEAN":
		switch value := value.(type) {
		case bool:
			return value, ""
		case int64:
			if value == 0 || value == 1 {
				return value == 1, ""
			}
		}
	default:
		return nil, "is of kind " + c.Kind + ", which is not moved"
	}
	return nil, fmt.Sprintf("is no %s but a %T", c.Kind, value)
}

// appendRow appends a row's values so that no two rows come to the same bytes.
func appendRow(to []byte, row []any) []byte {
	text := func(kind byte, s string) {
		to = append(to, kind)
		to = binary.AppendUvarint(to, uint64(len(s)))
		to = append(to, s...)
	}
	for _, value := range row {
		switch value := value.(type) {
		case int64:
			to = binary.BigEndian.AppendUint64(append(to, 'i'), uint64(value))
		case string:
			text('s', value)
		case []byte:
			text('b', string(value))
		case bool:
			to = append(to, 'f')
			if value {
				to[len(to)-1] = 't'
			}
		default:
			to = append(to, 'n')
		}
	}
	return to
}

// digest is the hash of rows in their order.
func digest(rows [][]any) string {
	hash := sha256.New()
	var raw []byte
	for _, row := range rows {
		raw = appendRow(raw[:0], row)
		hash.Write(raw)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// keyText is a key as it is kept and shown.
func keyText(key []any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(key); err != nil {
		return fmt.Sprint(key)
	}
	return strings.TrimSpace(text.String())
}

// keyOf reads what keyText made; nil of "".
func (t *table) keyOf(text string) ([]any, error) {
	if text == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var key []any
	if err := decoder.Decode(&key); err != nil {
		return nil, fmt.Errorf("read key %s of table %s: %w", text, t.name, err)
	}
	if len(key) != len(t.keys) {
		return nil, fmt.Errorf("read key %s of table %s: it has not %d values", text, t.name, len(t.keys))
	}
	for n, value := range key {
		if number, is := value.(json.Number); is {
			whole, err := number.Int64()
			if err != nil {
				return nil, fmt.Errorf("read key %s of table %s: %w", text, t.name, err)
			}
			key[n] = whole
		}
	}
	return key, nil
}
