package native

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// Audit reads the record of who did what.
type Audit interface {
	// AuditRecords lists a merchant's records after a number, in the order of
	// their chain.
	AuditRecords(ctx context.Context, merchantID string, after int64, limit int) ([]audit.Record, error)
	audit.Reader
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
	q, err := c.query(append(auditFilters, "after", "limit")...)
	if err != nil {
		return err
	}
	f, err := q.auditFilter(c.merchantID())
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
	f.After, f.Limit = after, limit+1
	records, err := d.s.Audit.FindAudit(c.ctx, f)
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

// auditFilters are the parameters that select records.
var auditFilters = []string{"actor", "action", "object", "from", "to"}

// auditFilter reads the parameters that select records.
func (q query) auditFilter(merchantID string) (audit.Filter, error) {
	f := audit.Filter{MerchantID: merchantID}
	for name, to := range map[string]*string{"actor": &f.Actor, "action": &f.Action, "object": &f.Object} {
		if *to = q.values.Get(name); len(*to) > audit.MaxFilter || !wellFormed(*to) {
			return f, refuse(refund.KindInvalid, name, "must be a text of at most %d bytes", audit.MaxFilter)
		}
	}
	for _, bound := range []struct {
		name string
		to   *time.Time
	}{{"from", &f.From}, {"to", &f.To}} {
		if q.values.Get(bound.name) == "" {
			continue
		}
		at, err := parseMoment(q.values.Get(bound.name))
		if err != nil {
			return f, refuse(refund.KindInvalid, bound.name, "%v", err)
		}
		*bound.to = at
	}
	return f, nil
}

func wellFormed(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// auditFile is all records that the parameters select, as a file: GET /audit.csv
// and /audit.ndjson.
func (d *Dialect) auditFile(format audit.Format, contentType string) handler {
	return func(c *call) error {
		q, err := c.query(auditFilters...)
		if err != nil {
			return err
		}
		f, err := q.auditFilter(c.merchantID())
		if err != nil {
			return err
		}
		return c.fileOf("audit."+string(format), contentType, func(onPage func() error) error {
			return audit.Write(c.ctx, c.w, format, d.s.Audit, f, onPage)
		})
	}
}
