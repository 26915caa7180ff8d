package refund

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/audit"
)

// OnePerson says why somebody may not do what takes another person than who asked,
// and who may; "" where they are two people. did and do are such as "asked for it"
// and "approve it".
func OnePerson(did, do string, asker, by audit.Person) string {
	common, same := asker.Same(by)
	if !same {
		return ""
	}
	if common == (audit.Actor{}) {
		return fmt.Sprintf("%s %s, and too many keys have made one another to say that %s is another person (hint: make keys in the console)", asker.Actor, did, by.Actor)
	}
	var ties []string
	marked := false
	for _, p := range []audit.Person{asker, by} {
		if p.Actor != common {
			ties = append(ties, tie(p, common))
			marked = marked || p.Actor.Kind == audit.User
		}
	}
	text := fmt.Sprintf("%s %s, and %s %s: they count as one person, and another has to %s (hint: somebody with the right refunds:approve whose key or password %s did not make",
		asker.Actor, did, common, strings.Join(ties, " and "), do, common)
	if marked {
		text += "; users are other people again once they have set a password of their own, and a day has gone by"
	}
	return text + ")"
}

// tie is what an actor did by which they may act as somebody.
func tie(p audit.Person, common audit.Actor) string {
	switch {
	case p.Behind.People().First() != common:
		return "stands behind " + p.Actor.String()
	case p.Actor.Kind == audit.User:
		return "set the password of " + p.Actor.String() + ", or ended the second factor"
	}
	return "made " + p.Actor.String()
}
