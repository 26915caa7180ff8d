package form_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/form"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, input string
		want        []form.Pair
	}{
		{"nothing", "", nil},
		{"only separators", "&&", nil},
		{"pairs stay in order", "b=2&a=1&b=3", []form.Pair{{"b", "2"}, {"a", "1"}, {"b", "3"}}},
		{"empty pieces are skipped", "&a=1&&b=2&", []form.Pair{{"a", "1"}, {"b", "2"}}},
		{"a key without a value", "a&b=", []form.Pair{{"a", ""}, {"b", ""}}},
		{"a second equals sign belongs to the value", "a=b=c=", []form.Pair{{"a", "b=c="}}},
		{"literal blanks, as curl -d sends them", "description=Refund Description", []form.Pair{{"description", "Refund Description"}}},
		{"plus is a blank, %2B is a plus", "a+b=1+2%2B3%203", []form.Pair{{"a b", "1 2+3 3"}}},
		{"literal brackets", "metadata[color]=red", []form.Pair{{"metadata[color]", "red"}}},
		{"encoded brackets are equal", "metadata%5Bcolor%5d=red", []form.Pair{{"metadata[color]", "red"}}},
		{"UTF-8 encoded and literal", "%E9%80%80=款", []form.Pair{{"退", "款"}}},
		{"an encoded ampersand does not separate", "a=1%262", []form.Pair{{"a", "1&2"}}},
		{"a semicolon does not separate", "a=1;b=2", []form.Pair{{"a", "1;b=2"}}},
		{"brackets in a value are text", "a=[x]", []form.Pair{{"a", "[x]"}}},
		{"an encoded line end", "a=1%0A2", []form.Pair{{"a", "1\n2"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := form.Parse([]byte(test.input), form.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("k", 513)
	tests := []struct {
		name, input string
		want        form.Error
	}{
		{"a percent sign before other letters", "a=1&discount=5%off", form.Error{Pair: 1, Key: "discount", Reason: form.ErrEscape}},
		{"a percent sign at the end", "a=5%", form.Error{Key: "a", Reason: form.ErrEscape}},
		{"half an escape at the end", "a=%4", form.Error{Key: "a", Reason: form.ErrEscape}},
		{"an escape across the separator", "a=%4&1=2", form.Error{Key: "a", Reason: form.ErrEscape}},
		{"a broken escape in a key", "%zz=1", form.Error{Reason: form.ErrEscape}},
		{"broken UTF-8, encoded", "a=%FF", form.Error{Key: "a", Reason: form.ErrUTF8}},
		{"broken UTF-8, literal", "a=\xc3", form.Error{Key: "a", Reason: form.ErrUTF8}},
		{"an encoded surrogate", "a=%ED%A0%80", form.Error{Key: "a", Reason: form.ErrUTF8}},
		{"broken UTF-8 in a key", "%80=1", form.Error{Reason: form.ErrUTF8}},
		{"an encoded NUL", "a=x%00", form.Error{Key: "a", Reason: form.ErrForbiddenCharacter}},
		{"a literal NUL in a key", "a\x00=1", form.Error{Reason: form.ErrForbiddenCharacter}},
		{"a value without a key", "=1", form.Error{Reason: form.ErrKey}},
		{"brackets without a name", "[a]=1", form.Error{Key: "[a]", Reason: form.ErrKey}},
		{"an open bracket", "a[b=1", form.Error{Key: "a[b", Reason: form.ErrKey}},
		{"a closing bracket alone", "a]=1", form.Error{Key: "a]", Reason: form.ErrKey}},
		{"a bracket closed twice", "a[b]]=1", form.Error{Key: "a[b]]", Reason: form.ErrKey}},
		{"brackets in brackets", "a[b[c]]=1", form.Error{Key: "a[b[c]]", Reason: form.ErrKey}},
		{"text between brackets", "a[b]c[d]=1", form.Error{Key: "a[b]c[d]", Reason: form.ErrKey}},
		{"text behind brackets", "a[b]c=1", form.Error{Key: "a[b]c", Reason: form.ErrKey}},
		{"a list in a list", "a[][]=1", form.Error{Key: "a[][]", Reason: form.ErrKey}},
		{"a key too long", "a=1&" + long + "=1", form.Error{Pair: 1, Reason: form.ErrTooLarge}},
		{"too many pairs", strings.Repeat("a=1&", 1001), form.Error{Pair: 1000, Reason: form.ErrTooManyPairs}},
		{"a body too large", strings.Repeat("&", form.DefaultBytes+1), form.Error{Reason: form.ErrTooLarge}},
		{
			"too many brackets", "a" + strings.Repeat("[b]", 32) + "=1",
			form.Error{Key: "a" + strings.Repeat("[b]", 32), Reason: form.ErrTooDeep},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := form.Parse([]byte(test.input), form.Limits{})
			var got *form.Error
			if !errors.As(err, &got) || *got != test.want || !errors.Is(err, test.want.Reason) {
				t.Errorf("got %v, want %v", err, &test.want)
			}
		})
	}
}

func TestParseHoldsToTheLimitsOfTheCaller(t *testing.T) {
	tests := []struct {
		name, input string
		limits      form.Limits
		reason      error
	}{
		{"as many bytes as allowed", "a=1", form.Limits{Bytes: 3}, nil},
		{"one byte more", "a=12", form.Limits{Bytes: 3}, form.ErrTooLarge},
		{"as many pairs as allowed", "a=1&b=2&", form.Limits{Pairs: 2}, nil},
		{"one pair more", "a=1&b=2&c", form.Limits{Pairs: 2}, form.ErrTooManyPairs},
		{"as deep as allowed", "a[b]=1", form.Limits{Depth: 2}, nil},
		{"one level more", "a[b][]=1", form.Limits{Depth: 2}, form.ErrTooDeep},
		{"a decoded key as long as allowed", "a%5Bb%5D=1", form.Limits{KeyBytes: 4}, nil},
		{"one byte more in a key", "a[bc]=1", form.Limits{KeyBytes: 4}, form.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := form.Parse([]byte(test.input), test.limits); !errors.Is(err, test.reason) {
				t.Errorf("got %v, want %v", err, test.reason)
			}
		})
	}
}
