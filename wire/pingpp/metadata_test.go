package pingpp

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestLimitsOfMetadata(t *testing.T) {
	quoted := func(text string) string { return `"` + text + `"` }
	tests := []struct {
		name  string
		pairs []Pair
		want  error
	}{
		{"no pairs are fine", nil, nil},
		{"twenty pairs are fine", manyPairs(20), nil},
		{"twenty-one pairs are too many", manyPairs(21), ErrMetadataPairs},
		{"names and values count together", []Pair{{"k", quoted(strings.Repeat("v", 999))}}, nil},
		{"the name is what is too much", []Pair{{"kk", quoted(strings.Repeat("v", 999))}}, ErrMetadataLength},
		{"pairs add up", []Pair{{"k", quoted(strings.Repeat("v", 500))}, {"l", quoted(strings.Repeat("v", 499))}}, ErrMetadataLength},
		{"Chinese counts by character", []Pair{{"颜", quoted(strings.Repeat("红", 999))}}, nil},
		{"a character beyond the first plane counts once", []Pair{{"k", quoted(strings.Repeat(`\ud83d\ude00`, 999))}}, nil},
		{"escapes count as what they mean", []Pair{{"k", quoted(strings.Repeat(`\u4e2d`, 999))}}, nil},
		{"a number counts with its digits", []Pair{{"k", strings.Repeat("1", 1000)}}, ErrMetadataLength},
		{"a list counts with its compact text", []Pair{{"k", "[" + strings.Repeat(" 1 ,", 498) + " 1 ]"}}, nil},
		{"a longer list is too much", []Pair{{"k", "[" + strings.Repeat("1,", 499) + "1]"}}, ErrMetadataLength},
		{"null and maps are values too", []Pair{{"k", "null"}, {"l", `{"a":{"b":[]}}`}}, nil},
		{"an empty value is no JSON", []Pair{{"k", ""}}, ErrMetadataValue},
		{"a bare word is no JSON", []Pair{{"k", "red"}}, ErrMetadataValue},
		{"two values are no JSON", []Pair{{"k", "1 2"}}, ErrMetadataValue},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := CheckMetadata(test.pairs); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func manyPairs(count int) []Pair {
	pairs := make([]Pair, count)
	for i := range pairs {
		pairs[i] = Pair{Name: strconv.Itoa(i), Value: `"v"`}
	}
	return pairs
}

func FuzzCheckMetadata(f *testing.F) {
	f.Add("color", `"red"`)
	f.Add("", ` [ 1 , {"a":null} ] `)
	f.Add("k", `"\ud800"`)
	f.Fuzz(func(t *testing.T, name, value string) {
		err := CheckMetadata([]Pair{{name, value}})
		if err == nil && len(name) > 4*MaxMetadataCharacters {
			t.Errorf("a name of %d bytes passed", len(name))
		}
	})
}
