package engine

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
)

// Store is what the engine needs of the database.
type Store interface {
	// DueRefunds lists refunds with due_at <= now, oldest first, across
	// merchants and without locks.
	DueRefunds(ctx context.Context, now time.Time, limit int) ([]refund.Due, error)
	// DueAccounts lists the channel accounts that have due refunds, by merchant
	// and id, after the given one.
	DueAccounts(ctx context.Context, now time.Time, after refund.AccountKey, limit int) ([]refund.AccountKey, error)
	// DueOf is DueRefunds of single accounts: for each ask at most its limit,
	// oldest first.
	DueOf(ctx context.Context, now time.Time, asks []refund.DueAsk) ([]refund.Due, error)
	// ClaimRefunds takes leases with refund.Claim: each is a compare-and-set
	// of lease_epoch that also demands due_at <= now still. It returns those it
	// got, and those that can't be claimed because they or their charges are corrupt,
	// without a time. The commit is over when it returns.
	ClaimRefunds(ctx context.Context, due []refund.Due, now, until time.Time) (claimed []refund.Claimed, corrupt []refund.Apart, err error)
	// ClaimAbnormal takes the lease of an abnormal refund that nobody is
	// calling about, whenever it is due, and writes the record of who asked. Absent is KindRefundNotFound; another
	// state, or a lease that holds, is KindStateConflict.
	ClaimAbnormal(ctx context.Context, merchantID, refundID string, record refund.Action, now, until time.Time) (refund.Claimed, error)
	// ClaimAsk takes the lease of a refund with refund.Ask, whenever it is due, and
	// writes the record of who asked. Absent is KindRefundNotFound; else the errors
	// of refund.Ask.
	ClaimAsk(ctx context.Context, merchantID, refundID string, record refund.Action, now, until time.Time) (refund.Claimed, error)
	// TakeOverLeases makes every leased refund due now. Only for the one
	// process that owns a SQLite file, at its start.
	TakeOverLeases(ctx context.Context, now time.Time) (int64, error)
	// Record takes reports through one transaction: it locks their charges,
	// then their refunds, each sorted by key, calls decide for each report in
	// order with refund and charge as the reports before it left them, and
	// writes the changes. It returns each report's refund and charge after it; a
	// report whose refund is not there has a zero Posted. Rows that another
	// transaction holds are left out, with Posted.Held. With wait it waits for their
	// charges for a moment: refund.ErrLocked says in vain, and for a while after that
	// they are left out at once. A repeated transaction calls decide again. Errors: nothing was written, or it wraps
	// refund.ErrCommitUnknown; reports may be recorded again without harm.
	Record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error)
	// WatchRefunds makes refunds due whose success is to be asked about again, those
	// waiting longest first, at most limit, and returns how many. Those that another
	// transaction holds are left out.
	WatchRefunds(ctx context.Context, now time.Time, limit int) (int, error)
	// ExpireApprovals cancels refunds whose approval nobody gave in its time, the longest
	// overdue first, from after on, at most limit, and returns how many it ended and
	// where to go on: the zero Expiry once all were looked at. What one of them fails
	// with is in the error, and holds up no other.
	ExpireApprovals(ctx context.Context, now time.Time, after refund.Expiry, limit int) (ended int, next refund.Expiry, err error)
	// SetApart makes refunds due at a later time, those that are still under the
	// given epoch, and keeps the alerts. Their leases stay: they are how the next
	// claim knows that a call may have been made.
	SetApart(ctx context.Context, apart []refund.Apart) error
	// ResumeAccounts returns those of the accounts that send again, and makes their
	// refunds due whose next step is a submit. With an error, it says nothing of the others.
	ResumeAccounts(ctx context.Context, accounts []refund.AccountKey, now time.Time) ([]refund.AccountKey, error)
	// PutOff makes due refunds due later, those that are still due under the given epoch
	// and that no other transaction holds, and returns how many those were.
	PutOff(ctx context.Context, refunds []refund.PutOff, now time.Time) (int, error)
	// SaveAlert keeps an alert that is about a channel account of ours and no
	// refund; the same again while nobody has looked at it counts up.
	SaveAlert(ctx context.Context, a refund.Alert) error
	// NoticeMatch finds what a notice of an account is about: the refund that the
	// account knows by its number or by its own id, else the only charge with its
	// transaction id or order number.
	NoticeMatch(ctx context.Context, account string, n refund.Noticed) (refund.NoticeMatch, error)
	// Adopt records a refund that the channel made without us, last of the change's
	// refunds. False: a refund with its number or id is there, which is the change's
	// only one, and nothing is written.
	Adopt(ctx context.Context, charge refund.ChargeKey, f refund.Foreign, now time.Time) (change refund.Change, adopted bool, err error)
	// VerifyCharge locks a charge and writes what refund.Verify makes of it, with what
	// was sent of it looked up. Where it was verified before, nothing is written, and
	// the change has the charge as it is. Absent is KindChargeNotFound.
	VerifyCharge(ctx context.Context, charge refund.ChargeKey, v refund.Verified, now time.Time) (refund.Change, error)
	// Dispute records what a channel says of a dispute of a charge. A change without a
	// Dispute wrote nothing but its alerts. KindInvalid and KindChargeConflict for what
	// can't be recorded.
	Dispute(ctx context.Context, charge refund.ChargeKey, told refund.Dispute, now time.Time) (refund.Change, error)
	// KeepNotice puts a notice into the inbox. One of the account with the same
	// digest is there once and counts up.
	KeepNotice(ctx context.Context, n refund.KeptNotice) error
	// DueNotices lists notices that are to be tried again, the longest due first,
	// across merchants and without locks. SaveNotice writes what became of one, and
	// the action of who had it tried, nil for the engine itself. Notice finds one;
	// absent is KindNotFound.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]refund.KeptNotice, error)
	SaveNotice(ctx context.Context, n refund.KeptNotice, by *refund.Action) error
	// AddRecord writes the record of an action in a commit of its own.
	AddRecord(ctx context.Context, action refund.Action) error
	Notice(ctx context.Context, merchantID, id string) (refund.KeptNotice, error)
	// ForgetNotices drops some of those that ended long before now.
	ForgetNotices(ctx context.Context, now time.Time) (int64, error)
}
