package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/audit"
)

func TestWhoIsOnePerson(t *testing.T) {
	ann, ben, cleo := audit.ByUser("ann@example.com"), audit.ByUser("ben@example.com"), audit.ByUser("cleo@example.com")
	root, first, second := audit.ByCommand("root"), audit.ByKey("key_1"), audit.ByKey("key_2")
	is := func(a audit.Actor, behind ...audit.Actor) audit.Person {
		p := audit.Person{Actor: a}
		for _, one := range behind {
			p.Behind = p.Behind.With(audit.Behind(one.String()))
		}
		return p
	}
	for name, test := range map[string]struct {
		a, b audit.Person
		by   audit.Actor // nobody: they are two people
	}{
		"two users":                                       {is(ann), is(ben), audit.Actor{}},
		"the same user":                                   {is(ann), is(ann), ann},
		"a key and who made it":                           {is(first, ann), is(ann), ann},
		"who made a key, and the key":                     {is(ann), is(first, ann), ann},
		"two keys of one user":                            {is(first, ann), is(second, ann), ann},
		"two keys of two users":                           {is(first, ann), is(second, ben), audit.Actor{}},
		"a key and the key that made it":                  {is(first), is(second, first), first},
		"a key of a key of a user":                        {is(second, first, ann), is(ann), ann},
		"a user with the other's password":                {is(ben, ann), is(ann), ann},
		"two users with passwords of a third":             {is(ben, cleo), is(ann, cleo), cleo},
		"a user whose password a key of the other set":    {is(ben, first, ann), is(ann), ann},
		"two keys that the command line made":             {is(first, root), is(second, root), audit.Actor{}},
		"the command line and a key that it made":         {is(root), is(first, root), audit.Actor{}},
		"the command line and itself":                     {is(root), is(root), root},
		"a user and a key whose name reads like the user": {is(ann), is(audit.ByKey("ann@example.com")), audit.Actor{}},
	} {
		for _, pair := range [][2]audit.Person{{test.a, test.b}, {test.b, test.a}} {
			if by, same := pair[0].Same(pair[1]); by != test.by || same != (test.by != audit.Actor{}) {
				t.Errorf("%s: %v, by %q", name, same, by)
			}
		}
	}
}

func TestWhatAPersonMakesHasThemBehindIt(t *testing.T) {
	ann := audit.Person{Actor: audit.ByUser("ann@example.com"), Behind: "key key_1, user ben@example.com, command root"}
	if got := ann.Makes(); got != "user ann@example.com, key key_1, user ben@example.com" {
		t.Errorf("a key of theirs has %q behind it", got)
	}
	if got := (audit.Person{Actor: audit.ByCommand("root")}).Makes(); got != "command root" || got.First() != audit.ByCommand("root") {
		t.Errorf("a key that the command line made has %q behind it", got)
	}
	if got := audit.Behind("key key_1, key key_2").With("key key_2, key key_1"); got != "key key_1, key key_2" {
		t.Errorf("a loop comes to %q", got)
	}
	if first := audit.Behind("").First(); first != (audit.Actor{}) || audit.Behind("").Actors() != nil {
		t.Errorf("nobody is %q", first)
	}
}

// Whoever makes keys by keys until the list is full gains nobody by it.
func TestAListThatIsTooLongIsAnybody(t *testing.T) {
	made := audit.Person{Actor: audit.ByUser("ann@example.com")}
	for n := range audit.MaxBehind + 20 {
		made = audit.Person{Actor: audit.ByKey(fmt.Sprint("key_", n)), Behind: made.Makes()}
		other := audit.Person{Actor: audit.ByUser("ben@example.com")}
		if _, same := made.Same(other); same != (n >= audit.MaxBehind) {
			t.Fatalf("after %d keys: %v", n+1, same)
		}
		if _, same := made.Same(audit.Person{Actor: audit.ByUser("ann@example.com")}); !same {
			t.Fatalf("after %d keys it is not who made the first", n+1)
		}
	}
	if count := strings.Count(string(made.Behind), ","); count != audit.MaxBehind {
		t.Errorf("%d are kept", count+1)
	}
}
