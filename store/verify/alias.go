package verify

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// compareAliases holds the charge's list of names against their rows. A list that is
// written as the rows are, which nearly all are, is not decoded.
func (c *chargeSums) compareAliases() {
	slices.SortFunc(c.aliases, func(a, b refund.Alias) int {
		return cmp.Or(cmp.Compare(a.Dialect, b.Dialect), cmp.Compare(a.Name, b.Name))
	})
	if text, plain := aliasText(c.aliases); plain && text == c.listed {
		return
	}
	var listed []refund.Alias
	if err := fromJSON(c.listed, &listed); err != nil {
		c.found(Aliases, "its list of names can't be read: %v", err)
	}
	sides := make(map[refund.Alias]int) // 1: only in the list, -1: only a row
	for _, alias := range listed {
		sides[alias]++
	}
	for _, alias := range c.aliases {
		sides[alias]--
	}
	for alias, side := range sides {
		where := "its list"
		if side < 0 {
			where = "a row"
		}
		if side != 0 {
			c.found(Aliases, "its name %s in %s is only in %s", alias.Name, alias.Dialect, where)
		}
	}
}

// aliasText is the JSON of names in their order; not plain where one has a character
// that JSON may write in another way.
func aliasText(aliases []refund.Alias) (text string, plain bool) {
	var b strings.Builder
	b.Grow(128 * len(aliases))
	for n, one := range aliases {
		if n == 0 {
			b.WriteByte('[')
		} else {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for at, member := range [...]struct{ name, value string }{
			{"dialect", one.Dialect}, {"identity", one.Identity}, {"sub", one.Sub}, {"name", one.Name},
		} {
			if !isPlain(member.value) {
				return "", false
			}
			if member.name == "sub" && member.value == "" {
				continue
			}
			if at > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + member.name + `":"`)
			b.WriteString(member.value)
			b.WriteByte('"')
		}
		b.WriteByte('}')
	}
	if len(aliases) > 0 {
		b.WriteByte(']')
	}
	return b.String(), true
}

// isPlain reports whether JSON writes a text as it is.
func isPlain(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// plainParts begins the parts of a refund of nothing but the payer's money.
const plainParts = `{"payer":`

// readParts reads a refund's parts. Most are plain, and not decoded for.
func readParts(text string) (parts refund.Parts, err error) {
	if digits, ok := strings.CutPrefix(text, plainParts); ok {
		if digits, ok = strings.CutSuffix(digits, "}"); ok && digits != "" && digits[0] != '0' && isDigits(digits) {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				return refund.Parts{Payer: money.Minor(n)}, nil
			}
		}
	}
	err = json.Unmarshal([]byte(text), &parts)
	return parts, err
}

func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }
