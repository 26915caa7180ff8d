package pingpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of metadata (P2.10-1). The pairs were 10 before July 2025.
const (
	MaxMetadataPairs      = 20
	MaxMetadataCharacters = 1000
)

// MetadataTestCase is the reserved name that asks for odd webhooks in test mode,
// with the values below.
const (
	MetadataTestCase     = "pingpp_tc"
	TestCaseWebhookTwice = "001"
	TestCaseWebhookLate  = "002"
)

// TestCase is the test case that metadata asks for, "" for none; raw is its JSON
// text or nothing.
func TestCase(raw json.RawMessage) string { return MetadataText(raw, MetadataTestCase) }

// MetadataText is the text that metadata has under a name, "" where it has none
// or something that is no text; raw is its JSON text or nothing.
func MetadataText(raw json.RawMessage, name string) string {
	var metadata map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &metadata) != nil {
		return ""
	}
	var value string
	if json.Unmarshal(metadata[name], &value) != nil {
		return ""
	}
	return value
}

// What metadata can be refused for.
var (
	ErrMetadataPairs  = fmt.Errorf("metadata has more than %d pairs", MaxMetadataPairs)
	ErrMetadataLength = fmt.Errorf("metadata has more than %d characters", MaxMetadataCharacters)
	ErrMetadataValue  = errors.New("metadata value is not valid JSON")
)

// Pair is one member of an object: its name, decoded, and its value as raw JSON
// text.
type Pair struct {
	Name  string
	Value string
}

// CheckMetadata checks the number of pairs and the total of Unicode characters,
// names and values together. A string counts with its characters, any other
// value with those of its compact JSON text. It returns ErrMetadataPairs,
// ErrMetadataLength or ErrMetadataValue; names given twice are not its concern.
func CheckMetadata(pairs []Pair) error {
	if len(pairs) > MaxMetadataPairs {
		return ErrMetadataPairs
	}
	total := 0
	for i, pair := range pairs {
		length, err := valueCharacters(pair.Value)
		if err != nil {
			// The name may be as long as the body: say which pair it is instead.
			return fmt.Errorf("check metadata pair %d: %w", i+1, err)
		}
		total += utf8.RuneCountInString(pair.Name) + length
	}
	if total > MaxMetadataCharacters {
		return ErrMetadataLength
	}
	return nil
}

func valueCharacters(raw string) (int, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(raw)); err != nil {
		return 0, ErrMetadataValue
	}
	text := compact.Bytes()
	if text[0] != '"' {
		return utf8.RuneCount(text), nil
	}
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return 0, ErrMetadataValue
	}
	return utf8.RuneCountInString(value), nil
}
