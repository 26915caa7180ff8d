package channel

import "github.com/refundry/refundry/refund"

// Comparison counts what was found when a channel was asked what it has done.
type Comparison struct {
	// Asked is how many payments, or bills, were looked at.
	Asked int
	// Known are refunds that we know as the channel has them. Recorded are those of
	// which we knew something else.
	Known, Recorded int
	// Adopted are refunds that the channel made and we knew nothing of.
	Adopted []refund.Refund
	// Kept are refunds that went to the inbox, because they name no charge of ours or
	// only a person can place them.
	Kept int
	// Open are refunds that we know nothing of and that have not ended at the
	// channel, so that they can't be adopted yet, by their numbers there.
	Open []string
	// Alike are refunds of ours that nobody was notified of, of the same charge and
	// amount as one that was adopted: somebody may have asked for it again.
	Alike []string
}

// Add adds what was found of another part.
func (c *Comparison) Add(other Comparison) {
	c.Asked += other.Asked
	c.Known += other.Known
	c.Recorded += other.Recorded
	c.Kept += other.Kept
	c.Adopted = append(c.Adopted, other.Adopted...)
	c.Open = append(c.Open, other.Open...)
	c.Alike = append(c.Alike, other.Alike...)
}
