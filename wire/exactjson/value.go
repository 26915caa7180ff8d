// Package exactjson reads JSON without losing anything that matters for money
// and signatures: numbers keep their literal, members keep their order, every
// value keeps its bytes. It refuses what two readers could understand
// differently: duplicate names, broken UTF-8, lone surrogates, U+0000.
//
// It decodes into a tree and not into structs, because encoding/json matches
// names in any letter case: {"amount":1,"Amount":2} has no duplicate and would
// still fill one field twice.
package exactjson

// Kind is the kind of a Value.
type Kind uint8

// The kinds. Absent is the kind of the zero Value: an empty body, or a member
// that is not there.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"absent", "null", "boolean", "number", "string", "array", "object"}

// String names the kind in lower case, for error messages: "number".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one JSON value with all that is in it.
type Value struct {
	Kind Kind
	// Text is the literal of a number ("1.50" and "1.5" differ), the decoded
	// text of a string, "true" or "false", and "" for the other kinds.
	Text string
	// Raw is the value as it stood in the input, without blanks around it. It
	// shares memory with the input; neither may be changed.
	Raw []byte
	// Items are the elements of an array, in order.
	Items []Value
	// Members are the members of an object, in order; names are unique.
	Members []Member
}

// Member is a name with its value. The name is decoded, never escaped.
type Member struct {
	Name  string
	Value Value
}

// Get finds the member of that exact name. It returns the zero Value and false
// if there is none, or if v is not an object. A member that is null is found.
// It looks through the members one by one.
func (v Value) Get(name string) (Value, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.Members[i].Value, true
		}
	}
	return Value{}, false
}
