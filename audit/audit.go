// Package audit is the record of who did what: each action of an operator
// leaves a record, written in the same transaction as its effect, and the
// records of a merchant form a chain in which each has a hash over itself and
// the one before it. A record that is changed, removed or moved afterwards
// breaks the chain, and verify finds it.
package audit

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of actor it is.
type Kind string

// The kinds of actors.
const (
	// Key is an API key, named by its id.
	Key Kind = "key"
	// User is a user of the console, named by the address they sign in with.
	User Kind = "user"
	// Command is the command line, named by the operating system's user.
	Command Kind = "command"
)

// Actor is who does something. The zero Actor is nobody: no action is done for
// it.
type Actor struct {
	Kind Kind
	Name string
}

// ByKey is the actor of a request with an API key.
func ByKey(id string) Actor { return Actor{Key, id} }

// ByUser is the actor of a request from the console.
func ByUser(name string) Actor { return Actor{User, name} }

// ByCommand is the actor of the command line; name is the operating system's
// user.
func ByCommand(name string) Actor { return Actor{Command, name} }

// ErrNoActor says that an action was asked for without anybody who does it: a
// defect of the caller.
var ErrNoActor = errors.New("an action needs an actor")

// Check returns an error that wraps ErrNoActor for an actor that is nobody.
func (a Actor) Check() error {
	switch a.Kind {
	case Key, User, Command:
		if a.Name != "" {
			return nil
		}
	}
	return fmt.Errorf("%w, not %q", ErrNoActor, a.String())
}

// String is the actor as rows keep it and people read it, such as
// "key key_..." or "command root"; "" for nobody.
func (a Actor) String() string {
	if a == (Actor{}) {
		return ""
	}
	return string(a.Kind) + " " + a.Name
}

// ParseActor reads what String wrote. Text of another form is an Actor whose
// Check fails.
func ParseActor(text string) Actor {
	kind, name, _ := strings.Cut(text, " ")
	return Actor{Kind(kind), name}
}
