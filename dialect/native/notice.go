package native

import (
	"context"
	"net/http"
	"slices"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Notices reads the inbox: what channels sent that named no refund of ours when it
// came. Absent is KindNotFound.
type Notices interface {
	// Notices lists those of a state, or with "" all, newest first.
	Notices(ctx context.Context, merchantID string, state refund.NoticeState, page refund.Page) (notices []refund.KeptNotice, more bool, err error)
	Notice(ctx context.Context, merchantID, id string) (refund.KeptNotice, error)
}

type noticeAnswer struct {
	ID      string             `json:"id"`
	Account string             `json:"account"`
	Channel string             `json:"channel"`
	State   refund.NoticeState `json:"state"`
	Note    string             `json:"note"`   // why it stands there
	Refund  *string            `json:"refund"` // that it was about in the end
	// Text is what may be shown of the request; what the notice says is below.
	Text           string              `json:"text"`
	Times          int64               `json:"times"` // it came
	Tries          int64               `json:"tries"` // of finding its refund
	ReceivedAt     moment              `json:"received_at"`
	DueAt          moment              `json:"due_at"` // of the next try
	Says           *refund.OutcomeKind `json:"says"`   // null for a hint, and where nothing was kept
	Number         *string             `json:"number"` // the refund's, as the channel was given it
	ChannelRefund  *string             `json:"channel_refund_id"`
	TransactionID  *string             `json:"transaction_id"`
	OrderNo        *string             `json:"order_no"`
	Amount         *money.Minor        `json:"amount"`
	Currency       *string             `json:"currency"`
	SucceededAt    moment              `json:"succeeded_at"`
	ChannelMessage string              `json:"message"`
	// Unreadable says, in lists, that the notice's row is damaged.
	Unreadable bool `json:"unreadable,omitempty"`
}

func answerNotice(n refund.KeptNotice) noticeAnswer {
	says := n.Noticed
	out := noticeAnswer{
		ID: n.ID, Account: n.Account, Channel: n.Channel, State: n.State, Note: n.Note, Refund: orNull(n.RefundID),
		Text: n.Text, Times: n.Times, Tries: n.Tries, ReceivedAt: moment(n.ReceivedAt), DueAt: moment(n.DueAt),
		Number: orNull(says.Number), ChannelRefund: orNull(says.Outcome.ChannelRefundID), TransactionID: orNull(says.TransactionID), OrderNo: orNull(says.OrderNo),
		Amount: says.Outcome.Amount, Currency: orNull(string(says.Currency)), SucceededAt: moment(says.Outcome.SucceededAt), ChannelMessage: says.Outcome.Message,
		Unreadable: n.Unreadable,
	}
	if says.Outcome.Kind != "" && !says.Hint {
		out.Says = &says.Outcome.Kind
	}
	return out
}

// NoticeJSON is a kept notice as the API shows it.
func NoticeJSON(n refund.KeptNotice) any { return answerNotice(n) }

// NoticeStates are the states by which a list is filtered.
var NoticeStates = []refund.NoticeState{refund.NoticeWaiting, refund.NoticeSetAside, refund.NoticeMatched, refund.NoticeAdopted, refund.NoticeRefused}

// listNotices returns the inbox, newest first: GET /notices.
func (d *Dialect) listNotices(c *call) error {
	q, err := c.query("state", "limit", "cursor")
	if err != nil {
		return err
	}
	var state refund.NoticeState
	if q.values.Has("state") {
		state = refund.NoticeState(q.values.Get("state"))
		if !slices.Contains(NoticeStates, state) {
			return refuse(refund.KindInvalid, "state", "must be waiting, set_aside, matched, adopted or refused")
		}
	}
	page, err := q.page()
	if err != nil {
		return err
	}
	notices, more, err := d.s.Notices.Notices(c.ctx, c.merchantID(), state, page)
	if err != nil {
		return err
	}
	out := list[noticeAnswer]{Data: make([]noticeAnswer, len(notices)), HasMore: more}
	for n, one := range notices {
		out.Data[n] = answerNotice(one)
	}
	if more {
		last := notices[len(notices)-1]
		out.Next = writeCursor(last.ReceivedAt, last.ID)
	}
	return c.json(http.StatusOK, out)
}

// getNotice shows one: GET /notices/{id}.
func (d *Dialect) getNotice(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	n, err := d.s.Notices.Notice(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerNotice(n))
}

// retryNotice looks again for what a notice is about: POST /notices/{id}/retry.
func (d *Dialect) retryNotice(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	n, err := d.s.Admin.RetryNotice(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerNotice(n))
}

func (d *Dialect) againNotice(c *call, w refund.Write) error {
	n, err := d.s.Notices.Notice(c.ctx, c.merchantID(), w.Made)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerNotice(n))
}
