package native

import (
	"net/http"

	"github.com/refundry/refundry/refund"
)

// maskAnswer is what a masking did.
type maskAnswer struct {
	Charges    int64 `json:"charges"`
	Refunds    int64 `json:"refunds"`
	Deliveries int64 `json:"deliveries"`
	// InFlight were being sent; repeat the call when they have been.
	InFlight int64 `json:"in_flight"`
	// Open are refunds that have not ended, whose charges were left.
	Open []string `json:"open_refunds"`
	// Lines of bulk files were masked, OpenLines name the customer and were left.
	Lines     int64 `json:"bulk_lines"`
	OpenLines int64 `json:"open_bulk_lines"`
	// Unreadable are charges and refunds that were left because a row is damaged.
	Unreadable []string `json:"unreadable,omitempty"`
}

func answerMask(r refund.MaskReport) maskAnswer {
	return maskAnswer{r.Charges, r.Refunds, r.Deliveries, r.InFlight, append([]string{}, r.Open...), r.Lines, r.OpenLines, r.Unreadable}
}

// MaskJSON is what a masking did as the API shows it.
func MaskJSON(r refund.MaskReport) any { return answerMask(r) }

// maskCharge masks what a charge and its refunds say of a person: POST
// /charges/{id}/mask. Again, it masks what came since.
func (d *Dialect) maskCharge(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindChargeNotFound)
	if err != nil {
		return err
	}
	report, err := d.s.Admin.MaskCharge(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerMask(report))
}

// maskCustomer masks all charges and refunds of a customer: POST
// /customers/mask. The customer is in the body, because addresses are logged.
func (d *Dialect) maskCustomer(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var customer string
	if err := body.read(required("customer", body.filled(&customer, refund.MaxCustomer))); err != nil {
		return err
	}
	report, err := d.s.Admin.MaskCustomer(c.ctx, c.by(), c.merchantID(), customer)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerMask(report))
}

// againMask: masking again is harmless, and finishes what broke off.
func (d *Dialect) againMask(c *call, _ refund.Write) error {
	if c.r.PathValue("id") == "" {
		return d.maskCustomer(c)
	}
	return d.maskCharge(c)
}
