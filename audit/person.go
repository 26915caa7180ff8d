package audit

import "strings"

// Behind lists the actors who may act as another one, the nearest first, as rows
// keep it and people read it: "key key_1, user a@example.com"; "" for nobody. No
// actor's name has a comma.
type Behind string

// MaxBehind is how many actors are kept in one Behind. Who makes a key with a key
// that a key has made, and so on, comes to more of them: a longer list has lost its
// end, and whoever has it counts as anybody.
const MaxBehind = 64

const behindSeparator = ", "

// Actors are those of the list.
func (b Behind) Actors() []Actor {
	if b == "" {
		return nil
	}
	texts := strings.Split(string(b), behindSeparator)
	actors := make([]Actor, len(texts))
	for n, text := range texts {
		actors[n] = ParseActor(text)
	}
	return actors
}

// First is the nearest of them, nobody for an empty list.
func (b Behind) First() Actor {
	text, _, _ := strings.Cut(string(b), behindSeparator)
	return ParseActor(text)
}

// With is the list and those of another behind it, each once. It keeps one more
// than MaxBehind, which says that there were too many.
func (b Behind) With(others Behind) Behind {
	var texts []string
	seen := map[Actor]bool{{}: true}
	for _, a := range append(b.Actors(), others.Actors()...) {
		if !seen[a] && len(texts) <= MaxBehind {
			seen[a], texts = true, append(texts, a.String())
		}
	}
	return Behind(strings.Join(texts, behindSeparator))
}

// People is the list without the command line: whoever has the database's file and
// the master key may do anything, and what they have made for others is theirs.
func (b Behind) People() Behind {
	var texts []string
	for _, a := range b.Actors() {
		if a.Kind != Command {
			texts = append(texts, a.String())
		}
	}
	return Behind(strings.Join(texts, behindSeparator))
}

// Person is an actor with all who may act as them: who made a key, who set the
// password of a user, and who is behind those.
type Person struct {
	Actor  Actor
	Behind Behind
}

// Makes is who is behind what the person makes: they, and who is behind them.
func (p Person) Makes() Behind {
	return Behind(p.Actor.String()).With(p.Behind.People())
}

// Same reports whether one person may be at work as both, and by whom: the actor
// that is behind both, or is one and behind the other. by is nobody where too many
// are behind one of them to tell.
func (p Person) Same(other Person) (by Actor, same bool) {
	mine := append([]Actor{p.Actor}, p.Behind.People().Actors()...)
	theirs := map[Actor]bool{other.Actor: true}
	for _, a := range other.Behind.People().Actors() {
		theirs[a] = true
	}
	for _, a := range mine {
		if theirs[a] {
			return a, true
		}
	}
	return Actor{}, len(mine) > MaxBehind+1 || len(theirs) > MaxBehind+1
}
