package form

import (
	"errors"
	"strconv"

	"github.com/refundry/refundry/wire/exactjson"
)

// Nest makes a tree of pairs that came from Parse. The top is always an Object
// (without members for no pairs), every scalar is a String, members are in the
// order of their first pair, and Raw is the JSON that the pairs amount to.
//
//	a[b]=v, a[b][c]=v   maps
//	a[]=v, a=v&a=w      arrays, the second only without brackets
//	a[0]=v, a[1]=w      an array in the order of its indexes, if they are
//	                    exactly 0 to n-1 in any order; else a map, as in
//	                    metadata[2026]=v
//	a[][k]=v            an array of maps; a new one begins with the first key
//	                    that the last one has already
//
// Errors are *Error: ErrKey, ErrConflict (a=1&a[b]=2: the Ping++ SDK for Go
// sends created=5&created[gt]=5 in lists; a dialect that must bear it drops
// one of these pairs before) and ErrDuplicate.
func Nest(pairs []Pair) (exactjson.Value, error) {
	root := &node{shape: fields}
	for i, pair := range pairs {
		path, err := splitKey(pair.Key)
		if err == nil {
			err = root.put(path, pair.Value)
		}
		if errors.Is(err, ErrDuplicate) && len(path) == 1 {
			root.children[path[0]].repeat(pair.Value)
			err = nil
		}
		if err != nil {
			return exactjson.Value{}, &Error{Pair: i, Key: pair.Key, Reason: err}
		}
	}
	// By way of JSON, so that a tree means the same wherever it came from, and
	// no rule of exactjson (unique names, Raw) has to be held here again. No
	// count of anything in the text can be above its length.
	text := root.appendObject(nil)
	return exactjson.Decode(text, exactjson.Limits{Bytes: len(text), Depth: len(text), Values: len(text)})
}

type shape uint8

const (
	unset    shape = iota
	scalar         // a=v
	repeated       // a=v&a=w
	list           // a[]=v
	fields         // a[b]=v and a[0]=v; which of them is known at the end
)

// node is a part of the tree while pairs arrive.
type node struct {
	shape    shape
	text     string           // of a scalar
	items    []*node          // of repeated and list
	names    []string         // of fields, in order of arrival
	children map[string]*node // of fields, by name
}

// become gives n its shape, and says whether it had no other.
func (n *node) become(s shape) bool {
	if n.shape == unset {
		n.shape = s
	}
	return n.shape == s
}

// put places text below n. It gives ErrDuplicate if a scalar (or more of the
// same key) is in the place, ErrConflict if something else is on the way.
func (n *node) put(path []string, text string) error {
	if len(path) == 0 {
		switch n.shape {
		case unset:
			n.shape, n.text = scalar, text
			return nil
		case scalar, repeated:
			return ErrDuplicate
		}
		return ErrConflict
	}
	first, rest := path[0], path[1:]
	if first == "" {
		if !n.become(list) {
			return ErrConflict
		}
		return n.element(rest).put(rest, text)
	}
	if !n.become(fields) {
		return ErrConflict
	}
	child := n.children[first]
	if child == nil {
		if child = new(node); n.children == nil {
			n.children = make(map[string]*node)
		}
		n.children[first] = child
		n.names = append(n.names, first)
	}
	return child.put(rest, text)
}

// element returns the element of a list that a path goes on in: the last one, if
// it is a map without that path, else a new one.
func (n *node) element(path []string) *node {
	if len(path) > 0 && len(n.items) > 0 {
		if last := n.items[len(n.items)-1]; last.shape == fields && !last.has(path) {
			return last
		}
	}
	n.items = append(n.items, new(node))
	return n.items[len(n.items)-1]
}

// has reports whether something is at the end of the path. A place behind empty
// brackets is always free.
func (n *node) has(path []string) bool {
	child := n.children[path[0]]
	if child == nil || len(path) == 1 {
		return child != nil
	}
	return child.has(path[1:])
}

// repeat makes an array of a scalar that comes again.
func (n *node) repeat(text string) {
	if n.shape == scalar {
		*n = node{shape: repeated, items: []*node{{shape: scalar, text: n.text}}}
	}
	n.items = append(n.items, &node{shape: scalar, text: text})
}

// indexed returns the children in the order of their indexes, if the names are
// exactly 0 to n-1. It counts no further than there are names, so that
// a[999999999]=v costs nothing.
func (n *node) indexed() ([]*node, bool) {
	items := make([]*node, len(n.names))
	for i := range items {
		if items[i] = n.children[strconv.Itoa(i)]; items[i] == nil {
			return nil, false
		}
	}
	return items, true
}

func (n *node) appendJSON(dst []byte) []byte {
	if n.shape == scalar {
		return exactjson.AppendString(dst, n.text)
	}
	items, isArray := n.items, true
	if n.shape == fields {
		items, isArray = n.indexed()
	}
	if !isArray {
		return n.appendObject(dst)
	}
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item.appendJSON(dst)
	}
	return append(dst, ']')
}

// appendObject is also for the top, which is an object whatever its names.
func (n *node) appendObject(dst []byte) []byte {
	dst = append(dst, '{')
	for i, name := range n.names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(exactjson.AppendString(dst, name), ':')
		dst = n.children[name].appendJSON(dst)
	}
	return append(dst, '}')
}
