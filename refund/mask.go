package refund

import (
	"slices"
	"time"
)

// Masked stands where a text about a person was.
const Masked = "***"

// mask is a text once it is masked; what is empty stays so.
func mask(text string) string {
	if text == "" {
		return ""
	}
	return Masked
}

// Mask returns the charge without what it says of a person: customer, received
// account, the payer's address and metadata. Its money and names stay.
func (c Charge) Mask(now time.Time) Charge {
	c.Customer, c.MaskedAt = mask(c.Customer), now
	c.Detail.ReceivedAccount = mask(c.Detail.ReceivedAccount)
	c.Detail.ClientIP, c.Detail.Metadata = "", nil
	return c
}

// Mask returns the refund without what it says of a person: customer, reason, the
// account that got the money, the payer's address and metadata. Its reason code
// stays, and so do its money and numbers.
func (r Refund) Mask(now time.Time) Refund {
	r.Customer, r.Reason, r.MaskedAt = mask(r.Customer), mask(r.Reason), now
	r.Landed.Account = mask(r.Landed.Account)
	r.Detail.ClientIP, r.Detail.Metadata = "", nil
	return r
}

// Mask returns the notice without what it says of a person.
func (n KeptNotice) Mask() KeptNotice {
	n.Text = mask(n.Text)
	n.Noticed.Outcome.Landed.Account = mask(n.Noticed.Outcome.Landed.Account)
	return n
}

// customer is whose a new refund of the charge is; nobody's where the charge's
// customer is masked.
func (c Charge) customer() string {
	if c.Customer == Masked {
		return ""
	}
	return c.Customer
}

// CustomerOf is whose a refund of the charge would be: the request's, or else the
// charge's; "" for nobody's.
func (c Charge) CustomerOf(request Request) string {
	if request.Customer != "" {
		return request.Customer
	}
	return c.customer()
}

// Customers are those whose refunds policies count for a refund of the charge: the
// charge's customer, which no request can change, and then the request's, where it
// names another. The first is whose policies take the refund to be.
func (c Charge) Customers(request Request) (customers []string) {
	for _, one := range [...]string{c.customer(), request.Customer} {
		if one != "" && one != Masked && !slices.Contains(customers, one) {
			customers = append(customers, one)
		}
	}
	return customers
}

// land keeps where the money went.
func (d *decision) land(at Landed) {
	if !d.r.MaskedAt.IsZero() {
		at.Account = mask(at.Account)
	}
	d.r.Landed = at
}

// MaskReport is what a masking did.
type MaskReport struct {
	// Charges and Refunds were masked, and Deliveries lost the bytes that they
	// were sent with. What was masked before is not counted.
	Charges, Refunds, Deliveries int64
	// InFlight are events and deliveries that were on their way right then, and
	// keep what they say until the masking is repeated.
	InFlight int64
	// Open are refunds that have not ended, for which their charges were left as
	// they are.
	Open []string
	// Lines of bulk files were masked, and OpenLines name the customer and were left:
	// they may still be sent, or their refunds have not ended.
	Lines, OpenLines int64
	// Unreadable are charges and refunds that were left because a row is damaged.
	Unreadable []string
}

// Add adds up two reports.
func (r *MaskReport) Add(more MaskReport) {
	r.Charges += more.Charges
	r.Refunds += more.Refunds
	r.Deliveries += more.Deliveries
	r.InFlight += more.InFlight
	r.Open = append(r.Open, more.Open...)
	r.Lines += more.Lines
	r.OpenLines += more.OpenLines
	r.Unreadable = append(r.Unreadable, more.Unreadable...)
}
