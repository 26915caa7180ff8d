package strictclienttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Object is a decoded JSON object; numbers are json.Number.
type Object = map[string]any

// Broken is what a client's program would meet where it expects an answer or an
// error of its library: a panic, an exception of the decoder, or a success
// that is none.
type Broken struct{ How string }

func (b *Broken) Error() string { return "the client breaks: " + b.How }

func breaks(format string, args ...any) error { return &Broken{fmt.Sprintf(format, args...)} }

// decodeJSON reads one JSON value and refuses what follows it.
func decodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, breaks("no JSON (%v): %.200s", err, text)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, breaks("something follows the JSON: %.200s", text)
	}
	return value, nil
}

// kind is what a documented member holds.
type kind int

const (
	aText kind = iota
	anAmount
	aCount
	aTime
	aBool
	aMap
	anObject // of the name in of
	aList    // a list object of the name in of
	anArray  // of objects of the name in of
	instant  // a time as text, RFC 3339
)

// member is one documented member of an object.
type member struct {
	name string
	kind kind
	// null says that the documents allow null.
	null bool
	// optional says that the documents allow it to be absent.
	optional bool
	of       string
}

// decoder is how strict a language's model is.
type decoder struct {
	// whole wants every documented member: Ruby and Python raise when one is
	// read that is not there.
	whole bool
	// typed languages refuse a value of another type.
	typed bool
	// strictText refuses numbers and booleans where a text is: Go.
	strictText bool
	// unsigned refuses amounts below 0: Go.
	unsigned bool
	// noNullBool and noNullNumber refuse null in a value type: C#.
	noNullBool, noNullNumber bool
	// amountBits and timeBits are how many bits an integer has.
	amountBits, timeBits int
	// credential refuses null there: Java casts it.
	credential bool
	// listURL appends a list's url to the base: a path below /v1/ alone works.
	listURL bool
	// onlyPath takes just the path of a list's url: PHP.
	onlyPath bool
	// emptyMore follows has_more of an empty page: Go dereferences nil.
	emptyMore bool
	// classed chooses a class by the member object.
	classed bool
	// letter refuses null wherever the documents don't allow it.
	letter bool
}

// check reads an object of a documented name.
func (d decoder) check(name, path string, value any) error {
	object, ok := value.(Object)
	if !ok {
		if !d.typed && !d.classed {
			return nil
		}
		return breaks("%s is %s and no object", path, describe(value))
	}
	// Names with a blank are parts of objects, which don't say what they are.
	if says := object["object"]; d.classed && name != "" && !strings.Contains(name, " ") && says != nil && says != name {
		return breaks("%s says that it is %s and not %s", path, describe(says), name)
	}
	for _, m := range documents[name] {
		at := path + "." + m.name
		value, there := object[m.name]
		switch {
		case !there && d.whole && !m.optional:
			return breaks("%s is missing", at)
		case !there:
		case value == nil:
			if err := d.checkNull(at, m); err != nil {
				return err
			}
		default:
			if err := d.checkValue(at, m, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d decoder) checkNull(path string, m member) error {
	switch {
	case m.null:
		return nil
	case d.letter,
		d.noNullBool && m.kind == aBool,
		d.noNullNumber && (m.kind == anAmount || m.kind == aCount || m.kind == aTime),
		d.credential && m.name == "credential",
		d.listURL && m.kind == aList:
		return breaks("%s is null", path)
	}
	return nil
}

func (d decoder) checkValue(path string, m member, value any) error {
	switch m.kind {
	case aText:
		return d.checkText(path, value)
	case instant:
		text, ok := value.(string)
		if _, err := time.Parse(time.RFC3339, text); d.typed && (!ok || err != nil) {
			return breaks("%s is %s and no time of RFC 3339", path, describe(value))
		}
	case anAmount, aCount:
		return d.checkNumber(path, value, d.amountBits, d.unsigned && m.kind == anAmount)
	case aTime:
		return d.checkNumber(path, value, d.timeBits, false)
	case aBool:
		if _, ok := value.(bool); !ok && d.typed {
			return breaks("%s is %s and no boolean", path, describe(value))
		}
	case aMap:
		if _, ok := value.(Object); !ok && d.typed {
			return breaks("%s is %s and no object", path, describe(value))
		}
	case anObject:
		return d.check(m.of, path, value)
	case aList:
		return d.checkList(m.of, path, value)
	case anArray:
		items, ok := value.([]any)
		if !ok && d.typed {
			return breaks("%s is %s and no array", path, describe(value))
		}
		for n, item := range items {
			if err := d.check(m.of, fmt.Sprintf("%s[%d]", path, n), item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d decoder) checkText(path string, value any) error {
	switch value.(type) {
	case string:
		return nil
	case Object, []any:
		if d.typed {
			return breaks("%s is %s and no string", path, describe(value))
		}
	default:
		if d.strictText {
			return breaks("%s is %s and no string", path, describe(value))
		}
	}
	return nil
}

func (d decoder) checkNumber(path string, value any, bits int, unsigned bool) error {
	if !d.typed {
		return nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return breaks("%s is %s and no number", path, describe(value))
	}
	whole, err := strconv.ParseInt(number.String(), 10, bits)
	if err != nil {
		return breaks("%s is %s and no integer of %d bits", path, number, bits)
	}
	if unsigned && whole < 0 {
		return breaks("%s is %s and no unsigned integer", path, number)
	}
	return nil
}

// checkList reads a list object of objects.
func (d decoder) checkList(of, path string, value any) error {
	if !d.typed && !d.classed {
		return nil // Node reads what is there
	}
	list, ok := value.(Object)
	if !ok {
		return breaks("%s is %s and no list object", path, describe(value))
	}
	if list["object"] != "list" && (d.classed || d.letter) {
		return breaks("%s.object is %v and not list", path, list["object"])
	}
	if err := d.checkURL(path+".url", list["url"]); err != nil {
		return err
	}
	more, ok := list["has_more"].(bool)
	if null := list["has_more"] == nil; !ok && (!null || d.noNullBool || d.letter) {
		return breaks("%s.has_more is %s and no boolean", path, describe(list["has_more"]))
	}
	data, ok := list["data"].([]any)
	if !ok {
		return breaks("%s.data is %s and no array", path, describe(list["data"]))
	}
	if more && len(data) == 0 && d.emptyMore {
		return breaks("%s has more behind an empty page: nil is dereferenced", path)
	}
	for n, item := range data {
		if err := d.check(of, fmt.Sprintf("%s.data[%d]", path, n), item); err != nil {
			return err
		}
	}
	return nil
}

func (d decoder) checkURL(path string, value any) error {
	text, _ := value.(string)
	if d.onlyPath {
		_, text, _ = strings.Cut(text, "://")
		if at := strings.IndexByte(text, '/'); at >= 0 {
			text = text[at:]
		} else {
			text, _ = value.(string)
		}
	}
	if (d.listURL || d.onlyPath || d.letter) && !strings.HasPrefix(text, "/v1/") {
		return breaks("%s is %s: appended to the base it leads nowhere", path, describe(value))
	}
	return nil
}

func describe(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	const most = 80
	if len(text) > most {
		text = append(text[:most], "..."...)
	}
	return string(text)
}

// Whole reads an integer member of a decoded object, or fails what the object
// is used for by giving the smallest integer.
func Whole(object Object, name string) int64 {
	number, _ := object[name].(json.Number)
	value, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return math.MinInt64
	}
	return value
}

// Text reads a string member of a decoded object, "" where there is none.
func Text(object Object, name string) string {
	text, _ := object[name].(string)
	return text
}
