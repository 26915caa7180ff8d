package verify

import (
	"context"
	"encoding/json"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// approvalStream puts approvals beside their refunds and the records of those who
// decided them.
const approvalStream = `WITH f AS (SELECT CAST($1 AS TEXT) AS e)
	SELECT r.merchant_id, r.id, 0, 0, r.due_at || f.e || r.hold_until FROM refunds r, f
		WHERE r.state <> 'succeeded' AND r.state = 'held' AND r.held_reason = 'approval'
	UNION ALL SELECT r.merchant_id, r.id, 1, 0, r.state || f.e || r.held_reason || f.e || r.approved || f.e || r.asked_by FROM refunds r, f
		WHERE r.approved <> ''
	UNION ALL SELECT a.merchant_id, a.refund_id, 2, a.created_at, a.id || f.e || a.kind || f.e || a.state || f.e || a.digest || f.e || a.requester || f.e
		|| a.decided_by || f.e || COALESCE((SELECT r.asked_by FROM refunds r WHERE r.merchant_id = a.merchant_id AND r.id = a.refund_id), '')
		|| f.e || a.expires_at || f.e || a.requester_behind || f.e || a.decided_behind FROM approvals a, f
	UNION ALL SELECT u.merchant_id, u.object, 3, u.created_at, u.actor || f.e || u.detail FROM audit_records u, f
		WHERE u.action IN ('refund.approve', 'refund.confirm')
	ORDER BY 1, 2, 3, 4`

const (
	rowHeld = iota
	rowApproved
	rowApproval
	rowDecision
)

// approvals holds each refund that waits for an approval, or had one, against the
// approvals, and each of those against the audit record of whoever gave it.
func (v *verifier) approvals(ctx context.Context) error {
	one := &approvalHistory{v: v}
	err := v.stream(ctx, approvalStream, func(row *streamRow) error {
		if row.merchant != one.merchant || row.key != one.id {
			one.end()
			*one = approvalHistory{v: v, merchant: row.merchant, id: row.key}
		}
		switch row.what {
		case rowHeld:
			one.heldFor(row)
		case rowApproved:
			one.approved = row.field[2]
		case rowApproval:
			one.approval(row)
		case rowDecision:
			var detail map[string]string
			if err := json.Unmarshal([]byte(row.field[1]), &detail); err == nil {
				one.decisions = append(one.decisions, decision{row.field[0], detail["approval"], detail["digest"]})
			}
		}
		return nil
	})
	if err == nil {
		one.end()
	}
	return err
}

// approvalHistory is one refund with its approvals.
type approvalHistory struct {
	v            *verifier
	merchant, id string
	held         bool
	until        string // when its wait ends, as the refund has it
	approved     string
	waiting      int
	given        []decision
	decisions    []decision
	sends        map[string]bool // digests of approvals to send that were given
}

// decision is an approval that somebody gave.
type decision struct{ by, approval, digest string }

// heldFor is the refund that waits. It is due behind all times that older programs look
// at, and its time ends with its approval's.
func (h *approvalHistory) heldFor(row *streamRow) {
	h.held, h.until = true, row.field[1]
	if row.number(0) < farAway {
		h.v.found(Approvals, h.merchant, "refund "+h.id, "it waits for an approval and is due at %s: a program from before approvals would claim nothing after that", row.field[0])
	}
}

func (h *approvalHistory) approval(row *streamRow) {
	id, kind, state, digest, requester, by, askedBy := row.field[0], refund.ApprovalKind(row.field[1]), refund.ApprovalState(row.field[2]), row.field[3], row.field[4], row.field[5], row.field[6]
	name := "approval " + id
	if state == refund.ApprovalWaiting && kind == refund.ToSend {
		h.waiting++
		if ends := row.field[7]; h.held && ends != h.until {
			h.v.found(Approvals, h.merchant, name, "its time ends at %s, and its refund's wait at %s", ends, h.until)
		}
	}
	if kind == refund.ToSend {
		var asker refund.Asker
		if err := json.Unmarshal([]byte(askedBy), &asker); err != nil || asker.Actor() != audit.ParseActor(requester) {
			h.v.found(Approvals, h.merchant, name, "it says that %q asked for refund %s, and the refund says %q", requester, h.id, asker.Actor())
		}
	}
	if state != refund.ApprovalApproved {
		return
	}
	asked := audit.Person{Actor: audit.ParseActor(requester), Behind: audit.Behind(row.field[8])}
	decided := audit.Person{Actor: audit.ParseActor(by), Behind: audit.Behind(row.field[9])}
	switch who, same := asked.Same(decided); {
	case by == requester || by == "" || requester == "":
		h.v.found(Approvals, h.merchant, name, "%q asked for it, and %q approved it: that takes two people", requester, by)
	case same:
		h.v.found(Approvals, h.merchant, name, "%q asked for it, and %q approved it, who may both be %q: that takes two people", requester, by, who)
	}
	h.given = append(h.given, decision{by, id, digest})
	if kind == refund.ToSend {
		if h.sends == nil {
			h.sends = make(map[string]bool)
		}
		h.sends[digest] = true
	}
}

// end holds the refund's approvals together.
func (h *approvalHistory) end() {
	if h.id == "" {
		return
	}
	switch {
	case h.held != (h.waiting == 1):
		h.v.found(Approvals, h.merchant, "refund "+h.id, "held for an approval: %v, and %d approvals wait for it", h.held, h.waiting)
	case h.approved != "" && !h.sends[h.approved]:
		h.v.found(Approvals, h.merchant, "refund "+h.id, "it goes by an approval that nobody gave")
	}
	for _, given := range h.given {
		recorded := false
		for _, d := range h.decisions {
			recorded = recorded || d == given
		}
		if !recorded {
			h.v.found(Approvals, h.merchant, "approval "+given.approval, "%q approved it, of which there is no audit record", given.by)
		}
	}
}
