package refund

import "slices"

// Content is what a repeat with the same number or key must share: members by
// name, as canonical text. A dialect puts in every member that it has, "" when
// the request left it out. Reason, description, notify_url and metadata are no
// content.
type Content map[string]string

// The members of content. Charge and Amount are in every dialect.
const (
	ContentCharge = "charge"
	ContentAmount = "amount"
	ContentTotal  = "total"
	ContentFrom   = "from"
	ContentGoods  = "goods"
	ContentSplits = "splits"
	// ContentCall is which of a dialect's calls asked, where several could ask
	// for the same.
	ContentCall = "call"
)

// SameContent compares the members that both have; one that only one of two
// dialects has is not compared.
func SameContent(a, b Content) bool { return len(OtherContent(a, b)) == 0 }

// OtherContent returns the names of the members in which two requests differ, in
// order.
func OtherContent(a, b Content) []string {
	var names []string
	for name, value := range a {
		if other, both := b[name]; both && other != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
