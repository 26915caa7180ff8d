package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/refund"
)

// approvalAnswer is a question to a second person, with exactly what would be sent.
type approvalAnswer struct {
	ID         string              `json:"id"`
	Kind       refund.ApprovalKind `json:"kind"`
	State      string              `json:"state"`
	Refund     string              `json:"refund"`
	Charge     string              `json:"charge"`
	Amount     int64               `json:"amount"`
	Currency   string              `json:"currency"`
	Channel    string              `json:"channel"`
	Account    string              `json:"channel_account"`
	Payment    *string             `json:"transaction_id"`        // the payment at the channel
	Number     string              `json:"channel_refund_number"` // what the channel will see
	Reason     *string             `json:"reason"`
	Customer   *string             `json:"customer"`
	Digest     string              `json:"digest"` // over all that is sent
	Why        string              `json:"why"`
	Policy     *approvalPolicy     `json:"policy"`     // null for corrections
	Correction *approvalCorrection `json:"correction"` // null for what waits to be sent
	Requester  *actorAnswer        `json:"requester"`
	DecidedBy  *actorAnswer        `json:"decided_by"`
	Note       *string             `json:"note"`
	CreatedAt  moment              `json:"created_at"`
	ExpiresAt  moment              `json:"expires_at"`
	DecidedAt  moment              `json:"decided_at"`
	// Unreadable says that the refund or its charge is damaged: what is said of them is
	// empty, and nobody can decide.
	Unreadable bool `json:"unreadable,omitempty"`
}

type approvalPolicy struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

type approvalCorrection struct {
	State       refund.State `json:"state"`
	Proof       string       `json:"proof"`
	SucceededAt moment       `json:"succeeded_at"`
}

func answerApproval(q admin.Question) approvalAnswer {
	out := approvalAnswer{
		ID: q.ID, Kind: q.Kind, State: string(q.State), Refund: q.RefundID, Charge: q.Refund.ChargeID, Amount: int64(q.Refund.Amount), Currency: string(q.Refund.Currency),
		Channel: q.Refund.Channel, Account: q.Refund.ChannelAccount, Payment: orNull(q.Charge.TransactionID), Number: q.Refund.ChannelNumber,
		Reason: orNull(q.Refund.Reason), Customer: orNull(q.Refund.Customer), Digest: q.Digest, Why: q.Why,
		Requester: answerActor(q.Requester), DecidedBy: answerActor(q.DecidedBy), Note: orNull(q.Note),
		CreatedAt: moment(q.CreatedAt), ExpiresAt: moment(q.ExpiresAt), DecidedAt: moment(q.DecidedAt), Unreadable: q.Unreadable,
	}
	if q.Policy.ID != "" {
		out.Policy = &approvalPolicy{q.Policy.ID, q.Policy.Name, q.Policy.Version}
	}
	if q.Kind == refund.ToCorrect {
		out.Correction = &approvalCorrection{q.To, q.Proof, moment(q.SucceededAt)}
	}
	return out
}

// ApprovalJSON is an approval as the API shows it.
func ApprovalJSON(q admin.Question) any { return answerApproval(q) }

// listApprovals returns questions to a second person, newest first: GET /approvals.
func (d *Dialect) listApprovals(c *call) error {
	q, err := c.query("state", "kind", "refund", "limit", "cursor")
	if err != nil {
		return err
	}
	f := refund.ApprovalFilter{MerchantID: c.merchantID()}
	for _, filter := range []struct {
		name  string
		words []string
		set   func(string)
	}{
		{"state", words(refund.ApprovalStates()), func(text string) { f.State = refund.ApprovalState(text) }},
		{"kind", words([]refund.ApprovalKind{refund.ToSend, refund.ToCorrect}), func(text string) { f.Kind = refund.ApprovalKind(text) }},
		{"refund", nil, func(text string) { f.RefundID = text }},
	} {
		text, err := q.text(filter.name)
		if err != nil {
			return err
		}
		if text != "" && filter.words != nil && !contains(filter.words, text) {
			return refuse(refund.KindInvalid, filter.name, "must be one of %s", joined(filter.words))
		}
		filter.set(text)
	}
	if f.Page, err = q.page(); err != nil {
		return err
	}
	found, more, err := d.s.Admin.Approvals(c.ctx, f)
	if err != nil {
		return err
	}
	out := list[approvalAnswer]{Data: make([]approvalAnswer, len(found)), HasMore: more}
	for n, one := range found {
		out.Data[n] = answerApproval(one)
	}
	if more {
		last := found[len(found)-1]
		out.Next = writeCursor(last.CreatedAt, last.ID)
	}
	return c.json(http.StatusOK, out)
}

// approveRefund approves what a refund waits for: POST /refunds/{id}/approve.
func (d *Dialect) approveRefund(c *call) error {
	var says admin.Approving
	body, err := c.keyedBody()
	if err == nil {
		err = body.read(
			optional("digest", body.filledName(&says.Digest, 64)),
			optional("note", body.text(&says.Note, refund.MaxNote)),
		)
	}
	if err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.Approve(c.ctx, c.by(), c.merchantID(), id, says)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// refuseRefund refuses what a refund waits for, with a reason: POST
// /refunds/{id}/refuse.
func (d *Dialect) refuseRefund(c *call) error {
	var says admin.Approving
	body, err := c.keyedBody()
	if err == nil {
		err = body.read(required("reason", body.filled(&says.Note, refund.MaxNote)))
	}
	if err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.Refuse(c.ctx, c.by(), c.merchantID(), id, says)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// correctRefund asks a second person to correct a refund in a final state: POST
// /refunds/{id}/correct.
func (d *Dialect) correctRefund(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	how, err := decodeResolution(body)
	if err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	asked, err := d.s.Admin.AskCorrection(c.ctx, c.by(), c.merchantID(), id, how)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answerApproval(asked))
}

func (d *Dialect) againApproval(c *call, _ refund.Write) error {
	r, err := c.refund()
	if err != nil {
		return err
	}
	asked, err := d.s.Admin.Approval(c.ctx, c.merchantID(), r.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerApproval(asked))
}
