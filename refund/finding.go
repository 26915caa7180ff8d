package refund

import "fmt"

// Finding is one row that breaks an invariant of docs/money.md.
type Finding struct {
	// Invariant is the broken invariant's name.
	Invariant  string
	MerchantID string // "" where the row has none
	// Row names the row: its table and id.
	Row  string
	Text string
	// Note says that nothing is broken: an operator should know, and that is all.
	Note bool
}

// String is the finding in one line.
func (f Finding) String() string {
	if f.MerchantID != "" {
		return fmt.Sprintf("%s: %s of %s: %s", f.Invariant, f.Row, f.MerchantID, f.Text)
	}
	return fmt.Sprintf("%s: %s: %s", f.Invariant, f.Row, f.Text)
}
