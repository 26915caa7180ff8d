package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/verify"
)

// ofTheSandbox is the invariant of the sandbox's own check.
var ofTheSandbox = sandbox.Tables().Name

// breakage is one row that is changed behind the program's back. find gives
// the row's id, and more values for do; Verify must name the row.
type breakage struct {
	name string
	find string
	do   []string
	// invariant and row are of the finding that must be there.
	invariant, row string
}

const (
	aCharge    = `SELECT MIN(charge_id) FROM refunds WHERE state = 'succeeded' AND merchant_id <> 'mer_late'`
	aCoupon    = `SELECT MIN(c.id) FROM charges c JOIN refunds r ON r.merchant_id = c.merchant_id AND r.charge_id = c.id WHERE c.detail LIKE '%SINGLE%' AND r.state = 'succeeded'`
	aSuccess   = `SELECT MIN(id) FROM refunds WHERE state = 'succeeded' AND merchant_id <> 'mer_late'`
	aFailure   = `SELECT MIN(id) FROM refunds WHERE state = 'failed' AND merchant_id <> 'mer_late'`
	anOpen     = `SELECT MIN(id) FROM refunds WHERE state = 'abnormal'`
	aNumber    = `SELECT MIN(value) FROM refund_numbers WHERE namespace = 'number'`
	anEvent    = `SELECT MIN(id) FROM events WHERE type = 'refund.succeeded' AND merchant_id <> 'mer_late'`
	aDelivery  = `SELECT MIN(id) FROM deliveries WHERE state = 'delivered'`
	anAccount  = `SELECT MIN(id) FROM channel_accounts`
	aTransfer  = `SELECT MIN(id) FROM transfers WHERE kind = 'settle' AND to_account = 'payer.cash'`
	ofSandbox  = `SELECT MIN(r.id) FROM refunds r JOIN sandbox_refunds s ON s.number = r.channel_number WHERE r.state = 'succeeded'`
	itsEntry   = ` WHERE number = (SELECT channel_number FROM refunds WHERE id = $1)`
	theAccount = `account payer.cash`
	aDispute   = `SELECT MIN(id) FROM disputes WHERE state = 'open'`
	aLoss      = `SELECT MIN(id) FROM disputes WHERE state = 'lost'`
	itsCharge  = ` WHERE id = (SELECT charge_id FROM disputes WHERE id = $1)`
	anAction   = `SELECT id FROM audit_records WHERE number > 0 AND number = (SELECT MAX(number) - 1 FROM audit_records WHERE merchant_id = 'mer_demo') AND merchant_id = 'mer_demo'`
	aWaiting   = `SELECT id FROM approvals WHERE refund_id = 're_waiting'`
	aGiven     = `SELECT id FROM approvals WHERE refund_id = 're_approved'`
	aSecond    = `SELECT id FROM approvals WHERE refund_id = 're_undone' AND kind = 'correct'`
	aBatch     = `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at)
		SELECT merchant_id, 'key', ' pingpp batch 15', '["' || id || '"]', '[{}]', 1 FROM refunds WHERE id = $1`
	aWrite = `INSERT INTO refund_numbers (merchant_id, namespace, value, contents, created_at, write_call, write_content, write_made, refunds)
		SELECT merchant_id, 'key', 'k2', '[]', 1, 'native POST /charges', 'c', `
)

var breakages = []breakage{
	{"reserved is not what open refunds hold", aCharge, []string{`UPDATE charges SET reserved = reserved + 1 WHERE id = $1`}, verify.Counters, "charge $1"},
	{"refunded is not what refunds gave back", aCharge, []string{`UPDATE charges SET refunded = refunded - 1 WHERE id = $1`}, verify.Counters, "charge $1"},
	{"fee_used is not the refunds'", aCharge, []string{`UPDATE charges SET fee_used = fee_used + 1 WHERE id = $1`}, verify.Counters, "charge $1"},
	{"what is used of a coupon is not the refunds'", aCoupon, []string{`UPDATE charges SET used = '{"coupons":[1,1]}' WHERE id = $1`}, verify.Counters, "charge $1"},
	{"what is used of goods is not the refunds'", aCoupon, []string{`UPDATE charges SET used = REPLACE(used, ']}', '],"goods":{"1:g1":{"quantity":1,"discount":1}}}') WHERE id = $1`}, verify.Counters, "charge $1"},
	{"the count of refunds is wrong", aCharge, []string{`UPDATE charges SET refunds = refunds + 1 WHERE id = $1`}, verify.Counters, "charge $1"},
	{"what was refunded before is wrong", aCharge, []string{`UPDATE charges SET already_refunded = already_refunded + 1 WHERE id = $1`}, verify.Counters, "charge $1"},
	{"a charge was paid less than it holds", aCharge, []string{`UPDATE charges SET amount = reserved + refunded - 1, detail = '{}', fee = NULL WHERE id = $1`}, verify.Cap, "charge $1"},
	{"money is blocked that is not there", aCharge, []string{`UPDATE charges SET blocked = amount WHERE id = $1`}, verify.Cap, "charge $1"},
	{"excess without a reason", aCharge, []string{`UPDATE charges SET excess = 5 WHERE id = $1`}, verify.Cap, "charge $1"},
	{"excess without evidence", aCharge, []string{`UPDATE charges SET blocked = amount - reserved - refunded + 7, excess = 7 WHERE id = $1`}, verify.Cap, "charge $1"},
	{"a charge is gone", aCharge, []string{`DELETE FROM charges WHERE id = $1`}, verify.Counters, "charge $1"},
	{"a refund is gone", aSuccess, []string{`DELETE FROM refunds WHERE id = $1`}, verify.Transfers, "transfer"},
	{"two refunds have one place", aSuccess, []string{`UPDATE refunds SET sequence = sequence + 1 WHERE id = $1`}, verify.Counters, "refund "},
	{"the parts are not the amount", aSuccess, []string{`UPDATE refunds SET parts = '{"payer":1}' WHERE id = $1`}, verify.Parts, "refund $1"},
	{"the parts can't be read", aSuccess, []string{`UPDATE refunds SET parts = 'x' WHERE id = $1`}, verify.Parts, "refund $1"},
	{"what a refund carries can't be read", aSuccess, []string{`UPDATE refunds SET detail = '{"goods":7}' WHERE id = $1`}, verify.Readable, "refund $1"},
	{"who asked can't be read", aSuccess, []string{`UPDATE refunds SET asked_by = 'x' WHERE id = $1`}, verify.Readable, "refund $1"},
	{"where the money went can't be read", aSuccess, []string{`UPDATE refunds SET landed = 'x' WHERE id = $1`}, verify.Readable, "refund $1"},
	{"the end of an event's snapshot is gone", anEvent, []string{`UPDATE events SET snapshot = SUBSTR(snapshot, 1, LENGTH(snapshot) - 3) WHERE id = $1`}, verify.Readable, "event $1"},
	{"what was sent can't be read", `SELECT MIN(id) FROM attempts WHERE source = 'submit'`, []string{`UPDATE attempts SET sent = '{' WHERE id = $1`}, verify.Readable, "attempt $1"},
	{"what a number stands for can't be read", aNumber, []string{`UPDATE refund_numbers SET contents = '[' WHERE value = $1`}, verify.Readable, "number $1"},
	{"a dispute's event can't be read", aDispute, []string{`UPDATE dispute_events SET snapshot = 'x' WHERE dispute_id = $1`}, verify.Readable, "event "},
	{"a merchant's settings can't be read", `SELECT 'mer_demo'`, []string{`UPDATE merchants SET settings = 'x' WHERE id = $1`}, verify.Readable, "merchant $1"},
	{"an account's settings can't be read", anAccount, []string{`UPDATE channel_accounts SET settings = '[]' WHERE id = $1`}, verify.Readable, "channel account $1"},
	{"a key's limits can't be read", `SELECT MIN(id) FROM api_keys`, []string{`UPDATE api_keys SET limits = '7' WHERE id = $1`}, verify.Readable, "key $1"},
	{"another currency than the charge's", aSuccess, []string{`UPDATE refunds SET currency = 'USD' WHERE id = $1`}, verify.Parts, "refund $1"},
	{"an amount was changed", aSuccess, []string{`UPDATE refunds SET amount = amount + 1 WHERE id = $1`}, verify.Transfers, "refund $1"},
	{"a state was changed", anOpen, []string{`UPDATE refunds SET state = 'succeeded', succeeded_at = 1, due_at = 0 WHERE id = $1`}, verify.Transfers, "refund $1"},
	{"a failure was made a cancellation", aFailure, []string{`UPDATE refunds SET state = 'canceled' WHERE id = $1`}, verify.Events, "refund $1"},
	{"no such state", anOpen, []string{`UPDATE refunds SET state = 'lost' WHERE id = $1`}, verify.State, "refund $1"},
	{"an open refund is due at no time", anOpen, []string{`UPDATE refunds SET due_at = 0 WHERE id = $1`}, verify.Due, "refund $1"},
	{"an ended refund is due", aSuccess, []string{`UPDATE refunds SET due_at = 1 WHERE id = $1`}, verify.Due, "refund $1"},
	{"a failure is watched", aFailure, []string{`UPDATE refunds SET watch_at = 1 WHERE id = $1`}, verify.State, "refund $1"},
	{"a success without a time", aSuccess, []string{`UPDATE refunds SET succeeded_at = 0 WHERE id = $1`}, verify.State, "refund $1"},
	{"a transfer is gone", aSuccess, []string{`DELETE FROM transfers WHERE refund_id = $1 AND kind = 'reserve'`}, verify.Transfers, "refund $1"},
	{"a transfer is gone from the books", aTransfer, []string{`DELETE FROM transfers WHERE id = $1`}, verify.Books, theAccount},
	{"a transfer is there twice", aTransfer, []string{`INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
		SELECT merchant_id, created_at, 'copy', refund_id, charge_id, kind, from_account, to_account, amount, currency FROM transfers WHERE id = $1`}, verify.Transfers, "refund "},
	{"a transfer moved another amount", aTransfer, []string{`UPDATE transfers SET amount = amount + 1 WHERE id = $1`}, verify.Books, theAccount},
	{"a transfer went to another account", aTransfer, []string{`UPDATE transfers SET to_account = 'elsewhere' WHERE id = $1`}, verify.Books, "account elsewhere"},
	{"a transfer is of another charge", aTransfer, []string{`UPDATE transfers SET charge_id = 'ch_other' WHERE id = $1`}, verify.Transfers, "transfer $1"},
	{"a transfer moves nothing", aTransfer, []string{`UPDATE transfers SET amount = 0 WHERE id = $1`}, verify.Transfers, "transfer $1"},
	{"a transfer of no kind", aTransfer, []string{`UPDATE transfers SET kind = 'gift' WHERE id = $1`}, verify.Transfers, "refund "},
	{"a number stands for a refund that is not there", aNumber, []string{`UPDATE refund_numbers SET refunds = '["re_none"]' WHERE value = $1`}, verify.Numbers, "number $1"},
	{"a number stands for another refund", aNumber, []string{`UPDATE refund_numbers SET value = 'other' WHERE value = $1 AND namespace = 'number'`}, verify.Numbers, "number other"},
	{"a number is gone", aSuccess, []string{`DELETE FROM refund_numbers WHERE namespace = 'number' AND refunds = '["' || $1 || '"]'`}, verify.Numbers, "refund $1"},
	{"a key stands for a unit that is not there in full", aSuccess, []string{`INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at)
		SELECT merchant_id, 'key', 'k1', '["' || id || '","re_gone"]', '[{},{}]', 1 FROM refunds WHERE id = $1`}, verify.Numbers, "refund re_gone"},
	{"a key stands for nothing", aSuccess, []string{`INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at)
		SELECT merchant_id, 'key', 'k3', '[]', '[]', 1 FROM refunds WHERE id = $1`}, verify.Numbers, "key k3"},
	{"a batch is not entered", aSuccess, []string{aBatch}, verify.Numbers, "batch pingpp batch 15"},
	{"a batch is entered with another time", aSuccess, []string{aBatch, `INSERT INTO batches (merchant_id, key, dialect, id, identity, created_at)
		SELECT merchant_id, ' pingpp batch 15', 'pingpp', '15', '', 2 FROM refunds WHERE id = $1`}, verify.Numbers, "batch pingpp batch 15"},
	{"a batch has another's key", aSuccess, []string{aBatch, `INSERT INTO batches (merchant_id, key, dialect, id, identity, created_at)
		SELECT merchant_id, ' pingpp batch 15', 'pingpp', '16', '', 1 FROM refunds WHERE id = $1`}, verify.Numbers, "batch pingpp batch 15"},
	{"a key stands for a write that made what is not there", aSuccess, []string{aWrite + `'re_gone', '[]' FROM refunds WHERE id = $1`}, verify.Numbers, "key k2"},
	{"a key stands for a write on a charge that is not there", aSuccess, []string{aWrite + `'ch_gone', '[]' FROM refunds WHERE id = $1`}, verify.Numbers, "key k2"},
	{"a key stands for a write and for refunds", aSuccess, []string{aWrite + `'', '["' || id || '"]' FROM refunds WHERE id = $1`}, verify.Numbers, "key k2"},
	{"a channel number is there twice", aSuccess, []string{`UPDATE refunds SET channel_number = 'twice' WHERE id IN ($1, (SELECT MAX(id) FROM refunds WHERE channel_account = 'sandbox_demo'))`}, verify.ChannelNumber, "channel number sandbox_demo twice"},
	{"the channel's id is there twice", aSuccess, []string{`UPDATE refunds SET channel_refund_id = '50twice' WHERE id IN ($1, (SELECT MAX(id) FROM refunds WHERE channel_account = 'sandbox_demo'))`}, verify.ChannelNumber, "the channel's refund id sandbox_demo 50twice"},
	{"an event is gone", anEvent, []string{`DELETE FROM events WHERE id = $1`}, verify.Events, "refund "},
	{"an event was changed", anEvent, []string{`UPDATE events SET type = 'refund.pending' WHERE id = $1`}, verify.Events, "event $1"},
	{"an event of no type", anEvent, []string{`UPDATE events SET type = 'charge.paid' WHERE id = $1`}, verify.Events, "event $1"},
	{"an event is of another charge", anEvent, []string{`UPDATE events SET charge_id = 'ch_other' WHERE id = $1`}, verify.Events, "event $1"},
	{"an event is of a refund that is not there", anEvent, []string{`UPDATE events SET refund_id = 'zz_none' WHERE id = $1`}, verify.Events, "event $1"},
	{"a feed number was given twice", anEvent, []string{`UPDATE events SET feed_number = 3 WHERE id = $1`, `UPDATE events SET feed_number = 3 WHERE id = (SELECT MAX(id) FROM events WHERE merchant_id <> 'mer_late')`}, verify.Feed, "feed number 3"},
	{"a feed number was never given", anEvent, []string{`UPDATE events SET feed_number = 999999 WHERE id = $1`}, verify.Feed, "feed counter"},
	{"an attempt is gone", aSuccess, []string{`DELETE FROM attempts WHERE refund_id = $1`}, verify.Attempts, "refund $1"},
	{"a key asked for more than its day's total", aSuccess, []string{
		`INSERT INTO key_days (merchant_id, key_id, day, currency, total, ceiling)
			SELECT merchant_id, 'key_b', created_at - created_at % 86400000000, currency, amount - 1, amount FROM refunds WHERE id = $1`,
		`UPDATE refunds SET asked_by = '{"key":"key_b","counted":true}' WHERE id = $1`,
	}, verify.KeyDays, "key key_b in CNY"},
	{"a dispute is not held", aDispute, []string{`UPDATE charges SET blocked = blocked - 1` + itsCharge}, verify.Counters, "charge ch_disputed1"},
	{"a dispute holds less than is disputed", aDispute, []string{`UPDATE disputes SET held = held - 1 WHERE id = $1`}, verify.Disputes, "dispute $1"},
	{"a dispute was won and nobody was told", aDispute, []string{`UPDATE disputes SET state = 'won', closed_at = 1, held = 0 WHERE id = $1`, `UPDATE charges SET blocked = 0` + itsCharge}, verify.Transfers, "dispute $1"},
	{"a dispute that was lost is open", aLoss, []string{`UPDATE disputes SET state = 'open', closed_at = 0 WHERE id = $1`}, verify.Transfers, "dispute $1"},
	{"the books of a dispute are gone", aLoss, []string{`DELETE FROM transfers WHERE refund_id = $1`}, verify.Books, "account payer.chargeback"},
	{"a transfer of a dispute is another kind", aLoss, []string{`UPDATE transfers SET kind = 'settle' WHERE refund_id = $1`}, verify.Transfers, "transfer "},
	{"a dispute left no event", aDispute, []string{`DELETE FROM dispute_events WHERE dispute_id = $1`}, verify.Events, "dispute $1"},
	{"a dispute is gone", aLoss, []string{`DELETE FROM disputes WHERE id = $1`}, verify.Transfers, "transfer "},
	{"a dispute is of a charge that is not there", aDispute, []string{`UPDATE disputes SET charge_id = 'ch_none' WHERE id = $1`}, verify.Counters, "charge ch_none"},
	{"a name is only in the charge's list", aCharge, []string{`DELETE FROM charge_aliases WHERE charge_id = $1 AND dialect = 'payin'`}, verify.Aliases, "charge $1"},
	{"a name is only a row", aCharge, []string{`UPDATE charges SET aliases = '[]' WHERE id = $1`}, verify.Aliases, "charge $1"},
	{"a name is another identity's", aCharge, []string{`UPDATE charge_aliases SET identity = 'other' WHERE charge_id = $1 AND dialect = 'pingpp'`}, verify.Aliases, "charge $1"},
	{"a delivery is of no event", aDelivery, []string{`UPDATE deliveries SET event_id = 'evt_none' WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery waits at no time", aDelivery, []string{`UPDATE deliveries SET state = 'waiting' WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery that has ended is due", aDelivery, []string{`UPDATE deliveries SET due_at = 1 WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery that could not be made is due", aDelivery, []string{`UPDATE deliveries SET state = 'waiting', due_at = 1, ended_at = 0, problem = 'no key', make_at = 1 WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery that could not be made waits for nothing", aDelivery, []string{`UPDATE deliveries SET state = 'waiting', due_at = 253402214400000000, ended_at = 0, problem = 'no key' WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery that was made waits for ever", aDelivery, []string{`UPDATE deliveries SET state = 'waiting', due_at = 253402214400000000, ended_at = 0 WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a delivery in no state", aDelivery, []string{`UPDATE deliveries SET state = 'lost' WHERE id = $1`}, verify.Deliveries, "delivery $1"},
	{"a masked charge names its customer", aCharge, []string{`UPDATE charges SET masked_at = 1, customer = 'M-7' WHERE id = $1`}, verify.Personal, "charge $1"},
	{"a masked refund says why", aSuccess, []string{`UPDATE refunds SET masked_at = 1, reason = 'moved to ...' WHERE id = $1`}, verify.Personal, "refund $1"},
	{"a channel account is in no state", anAccount, []string{`UPDATE channel_accounts SET state = 'lost' WHERE id = $1`}, verify.Accounts, "channel account $1"},
	{"a channel account went back to an earlier version", anAccount, []string{`INSERT INTO channel_account_versions (account_id, version, settings, sealed, retires_at) VALUES ($1, 1, '{}', '', 1)`}, verify.Accounts, "channel account $1"},
	{"a secret is sealed with another master key", anAccount, []string{`UPDATE channel_accounts SET sealed = 'v1.00000000.AAAA' WHERE id = $1`}, verify.Sealed, "channel account $1"},
	{"the sandbox moved money twice", ofSandbox, []string{`UPDATE sandbox_refunds SET moves = 2` + itsEntry}, ofTheSandbox, "sandbox refund "},
	{"the sandbox moved another amount", ofSandbox, []string{`UPDATE sandbox_refunds SET amount = amount + 1` + itsEntry}, ofTheSandbox, "refund $1"},
	{"the sandbox moved another payment's money", ofSandbox, []string{`UPDATE sandbox_refunds SET transaction_id = 'other'` + itsEntry}, ofTheSandbox, "refund $1"},
	{"the sandbox moved no money for a success", ofSandbox, []string{`UPDATE sandbox_refunds SET state = 'processing', moves = 0, succeeded_at = 0` + itsEntry}, ofTheSandbox, "refund $1"},
	{"the sandbox knows nothing of a success", ofSandbox, []string{`DELETE FROM sandbox_refunds` + itsEntry}, ofTheSandbox, "refund $1"},
	{"the sandbox moved money that we say failed", `SELECT MIN(r.id) FROM refunds r JOIN sandbox_refunds s ON s.number = r.channel_number WHERE r.state = 'failed' AND s.moves = 0`, []string{`UPDATE sandbox_refunds SET state = 'succeeded', moves = 1, succeeded_at = 1` + itsEntry}, ofTheSandbox, "refund $1"},
	{"the sandbox moved money of which we know nothing", ofSandbox, []string{`UPDATE sandbox_refunds SET number = 'unheard'` + itsEntry}, ofTheSandbox, "sandbox refund unheard"},
	{"an audit record was changed", anAction, []string{`UPDATE audit_records SET actor = 'command nobody' WHERE id = $1`}, verify.Audit, "audit record $1"},
	{"an audit record's detail was changed", anAction, []string{`UPDATE audit_records SET detail = '{"n":"2"}' WHERE id = $1`}, verify.Audit, "audit record $1"},
	{"an audit record's detail can't be read", anAction, []string{`UPDATE audit_records SET detail = 'x' WHERE id = $1`}, verify.Audit, "audit record $1"},
	{"an audit record got a hash of its own", anAction, []string{`UPDATE audit_records SET hash = 'aa' WHERE id = $1`}, verify.Audit, "audit record $1"},
	{"an audit record is gone", anAction, []string{`DELETE FROM audit_records WHERE id = $1`}, verify.Audit, "audit record "},
	{"an audit record was taken out of its chain", anAction, []string{`UPDATE audit_records SET number = 0, hash = '' WHERE id = $1`}, verify.Audit, "audit record "},
	{"the last audit record is gone", `SELECT id FROM audit_records WHERE merchant_id = 'mer_demo' AND number = (SELECT MAX(number) FROM audit_records WHERE merchant_id = 'mer_demo')`, []string{`DELETE FROM audit_records WHERE id = $1`}, verify.Audit, "audit chain"},
	{"two audit records changed places", anAction, []string{`UPDATE audit_records SET number = 2 * (SELECT n.number FROM audit_records n WHERE n.id = $1) + 1 - number WHERE merchant_id = 'mer_demo' AND number IN ((SELECT n.number FROM audit_records n WHERE n.id = $1), (SELECT n.number + 1 FROM audit_records n WHERE n.id = $1))`}, verify.Audit, "audit record $1"},
	{"an audit record is another merchant's", anAction, []string{`UPDATE audit_records SET merchant_id = 'mer_other' WHERE id = $1`}, verify.Audit, "audit record $1"},
	{"a chain's end is forgotten", anAction, []string{`DELETE FROM audit_chains WHERE merchant_id = (SELECT a.merchant_id FROM audit_records a WHERE a.id = $1)`}, verify.Audit, "audit chain"},
	{"a chain's end was moved back", anAction, []string{`UPDATE audit_chains SET last_number = last_number - 1 WHERE merchant_id = (SELECT a.merchant_id FROM audit_records a WHERE a.id = $1)`}, verify.Audit, "audit chain"},
	{"an approval was forged", aWaiting, []string{`UPDATE approvals SET state = 'approved', decided_by = 'user b', decided_at = 1 WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"a refund that waited was let go", aWaiting, []string{`UPDATE refunds SET held_reason = 'start' WHERE id = 're_waiting' AND $1 <> ''`}, verify.Approvals, "refund re_waiting"},
	{"a refund that waits is due for older programs", aWaiting, []string{`UPDATE refunds SET due_at = hold_until WHERE id = 're_waiting' AND $1 <> ''`}, verify.Approvals, "refund re_waiting"},
	{"an approval ends at another time", aWaiting, []string{`UPDATE approvals SET expires_at = expires_at + 1 WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"an approval that waits is gone", aWaiting, []string{`DELETE FROM approvals WHERE id = $1`}, verify.Approvals, "refund re_waiting"},
	{"another is said to have asked", aGiven, []string{`UPDATE approvals SET requester = 'key key_z' WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"another is said to have approved", aGiven, []string{`UPDATE approvals SET decided_by = 'user z' WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"something else was approved", aGiven, []string{`UPDATE approvals SET digest = 'd' WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"an approval that was given is gone", aGiven, []string{`DELETE FROM approvals WHERE id = $1`}, verify.Approvals, "refund re_approved"},
	{"an approval's record is gone", aGiven, []string{`DELETE FROM audit_records WHERE object = 're_approved' AND $1 <> ''`}, verify.Approvals, "approval $1"},
	{"another is said to have confirmed", aSecond, []string{`UPDATE approvals SET decided_by = 'user z' WHERE id = $1`}, verify.Approvals, "approval $1"},
	{"the sandbox has another id", ofSandbox, []string{`UPDATE refunds SET channel_refund_id = 'other' WHERE id = $1`}, ofTheSandbox, "refund $1"},
}

// ofSlices are the invariants that Slice derives, too.
var ofSlices = []string{
	verify.Cap, verify.Counters, verify.Parts, verify.Transfers, verify.Disputes, verify.Books,
	verify.Due, verify.State, verify.Events, verify.Attempts, verify.Aliases, verify.Readable,
}

// breakEach breaks one row after the other and undoes it again.
func breakEach(t *testing.T, s *store.Store) {
	for _, one := range breakages {
		t.Run(one.name, func(t *testing.T) {
			id, found, sliced, err := verify.Broken(t.Context(), s.DB(), one.find, one.do, checks()...)
			if err != nil {
				t.Fatal(err)
			}
			row := strings.ReplaceAll(one.row, "$1", id)
			if !slices.ContainsFunc(found, func(f refund.Finding) bool {
				return f.Invariant == one.invariant && strings.Contains(f.Row, row) && !f.Note
			}) {
				t.Errorf("no finding of %q about %q among %v", one.invariant, row, found)
			}
			if (slices.Contains(ofSlices, one.invariant) && !strings.HasPrefix(row, "number ")) != (len(sliced) > 0) {
				t.Errorf("slice by slice there is %v", sliced)
			}
		})
	}
}
