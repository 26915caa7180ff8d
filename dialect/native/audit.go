package native

import (
	"context"
	"net/http"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// Audit reads the record of who did what.
type Audit interface {
	// AuditRecords lists a merchant's records after a number, in the order of
	// their chain.
	AuditRecords(ctx context.Context, merchantID string, after int64, limit int) ([]audit.Record, error)
}

// actorAnswer is who did something.
type actorAnswer struct {
	Kind audit.Kind `json:"kind"`
	Name string     `json:"name"` // a key's id, a user's address, the operating system's user
}

// answerActor shows an actor; nil for nobody.
func answerActor(a audit.Actor) *actorAnswer {
	if a == (audit.Actor{}) {
		return nil
	}
	return &actorAnswer{a.Kind, a.Name}
}

type auditAnswer struct {
	Number    int64             `json:"number"`
	At        moment            `json:"at"`
	Actor     *actorAnswer      `json:"actor"`
	Action    string            `json:"action"`
	Object    string            `json:"object"`
	RequestID *string           `json:"request_id"`
	Detail    map[string]string `json:"detail"`
	Hash      string            `json:"hash"`
}

func answerAudit(r audit.Record) auditAnswer {
	out := auditAnswer{
		Number: r.Number, At: moment(r.At), Actor: answerActor(r.Actor), Action: r.Action, Object: r.Object,
		RequestID: orNull(r.RequestID), Detail: r.Detail, Hash: r.Hash,
	}
	if out.Detail == nil {
		out.Detail = map[string]string{}
	}
	return out
}

// listAudit returns the merchant's audit records in the order of their chain,
// oldest first: GET /audit?after=cursor. A reader that passes each answer's next
// misses none.
func (d *Dialect) listAudit(c *call) error {
	q, err := c.query("after", "limit")
	if err != nil {
		return err
	}
	after := int64(0)
	if cursor := q.values.Get("after"); cursor != "" {
		var ok bool
		if after, ok = readNumberCursor(auditMark, cursor); !ok {
			return refuse(refund.KindInvalid, "after", "is none that the list of audit records gave")
		}
	}
	limit, err := q.number("limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return err
	}
	// One more than asked for says whether there are more.
	records, err := d.s.Audit.AuditRecords(c.ctx, c.merchantID(), after, limit+1)
	if err != nil {
		return err
	}
	out := list[auditAnswer]{Data: []auditAnswer{}, HasMore: len(records) > limit}
	for _, r := range records[:min(len(records), limit)] {
		out.Data = append(out.Data, answerAudit(r))
		after = r.Number
	}
	out.Next = writeNumberCursor(auditMark, after)
	return c.json(http.StatusOK, out)
}
