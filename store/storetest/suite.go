package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx" of exec

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// Run holds a database engine against what the packages that use the store
// rely on. url gives the URL of a fresh, empty database. Cases have a merchant
// of their own and share one database, except for those that look across
// merchants.
func Run(t *testing.T, url func(testing.TB) string) {
	address := url(t)
	shared := Open(t, address)
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) { one.test(t, &fixture{url: address, Store: shared, merchant: newMerchant()}) })
	}
	for _, one := range acrossMerchants {
		t.Run(one.name, func(t *testing.T) {
			address := url(t)
			one.test(t, &fixture{url: address, Store: Open(t, address), merchant: newMerchant()})
		})
	}
}

type suiteCase struct {
	name string
	test func(*testing.T, *fixture)
}

// cases are the suite, in the order of a refund's life.
var cases = []suiteCase{
	{"a charge is read as it was registered", chargeIsReadAsRegistered},
	{"the same charge again adds names and changes nothing else", chargeAgain},
	{"a charge is found by the numbers that stand for it alone", chargeByNumber},
	{"a made-up name gives way to another payment's", chargeMadeUpName},
	{"a charge that differs is a conflict and leaves no trace", chargeConflict},
	{"a name belongs to one charge", nameBelongsToOne},
	{"a new charge with another one's order number says so", sameOrderIsTold},
	{"many registrations of one charge at once make one", registeredAtOnce},
	{"a payment is one charge whichever account takes it later", paymentIsOneCharge},
	{"a payment that is registered at once with and without an account is one charge", paymentAtOnce},
	{"a charge without an account is routed with its first refund", routedByRefund},
	{"a batch of charges fails only where it must", batchOfCharges},
	{"a charge without a transaction id is found by its names", chargeWithoutTransaction},
	{"a charge is found by any name, and never on a guess", chargeByAny},
	{"a charge and a refund are found by their numbers at the channel", foundByTransaction},
	{"pages of charges go both ways", pagesOfCharges},
	{"pages of refunds go both ways", pagesOfRefunds},
	{"refunds of several states are paged both ways", pagesOfStates},
	{"filters select", filters},
	{"a unit is found by its key, and batches are listed", unitsAreTheirKeys},
	{"a batch of an older replica is one batch, and is listed", olderBatches},
	{"orders and reversals select", ordersAndReversals},
	{"a batch that has ended is told once", batchIsToldOnce},
	{"a payment leaves an event with its charge", paymentLeavesAnEvent},
	{"an order that is paid gives way with a made-up name", paidOrderGivesWay},
	{"new events are taken over once", newsAreTakenOverOnce},
	{"an endpoint that is disabled meanwhile gets no delivery", disabledMeanwhile},
	{"an event that can't be read is numbered all the same", corruptEventIsNumbered},
	{"a delivery whose event or endpoint is gone has no subject", subjectIsGone},

	{"the database itself holds the cap", databaseHoldsCap},
	{"the database itself forgets no refund", databaseForgetsNone},
	{"accepted refunds are read as they were accepted", refundIsRead},
	{"a charge is locked until its transaction ends", chargeIsLocked},
	{"a concurrent claim of a number is waited for", claimIsWaitedFor},
	{"a claim that was given up is free", claimIsFreed},
	{"a deadlock repeats the transaction", deadlockRepeats},
	{"what was lost is looked up behind its locks", settledWaits},
	{"a write is recorded with its effect", writeWithItsEffect},
	{"a refused write uses up no key", refusedWrite},
	{"a key that is taken undoes the write", takenKey},
	{"of many writes with one key one takes effect", writesAtOnce},
	{"refunds and writes share one namespace of keys", oneNamespace},
	{"a secret is told to repeats for a day", secretForADay},
	{"a write of an older replica is a write", olderWrites},

	{"a channel account is read as it was added", accountIsRead},
	{"a channel account is changed by its merchant alone", accountChanges},
	{"a channel account's old version lives until it retires", accountVersions},
	{"an account's secrets open in their own place alone", accountSeals},
	{"a resumed account sends what waited", resumeSends},

	{"a lease is taken once", leaseIsTakenOnce},
	{"a claim leaves alone what is locked or corrupt", claimLeavesAlone},
	{"words are recorded in order", wordsInOrder},
	{"a word about nothing changes nothing", wordAboutNothing},
	{"the doubts about a refund are kept", doubtsAreKept},
	{"a notice matches a refund, or else a charge", noticeMatches},
	{"an adoption is there once", adopted},
	{"a charge is verified once, by many at once", verifiedOnce},
	{"what may be ours is not counted", sentIsNotCounted},
	{"the inbox keeps a notice once, and has it tried again", inbox},
	{"a notice that was set aside is due when its charge comes, by whichever name", lateCharges},
	{"a bill's rows find their refunds", bookedByName},
	{"a dispute is recorded once and holds its amount", disputed},
	{"the database itself holds what disputes may be", databaseHoldsDisputes},
	{"refused requests are kept up to a bound, and counted", refusedNotices},
	{"a refund is canceled before the channel is told", canceled},
	{"queues hold what waits for a person", queues},
	{"how long the last refunds of an account took", timesToSuccess},
	{"the funds of an account are back", fundsAreBack},
	{"what was given up waits until somebody sends it again", deadIsReplayed},
	{"tries are recorded with others whose lease was lost or whose delivery is gone", triesRecorded},
	{"a refund waits for its approval, and no time sends it", waitsForApproval},
	{"a refund that waits for its approval holds up no older program", oldClaims},
	{"approvals end in their time, one after the other", approvalsExpire},
	{"the database itself holds four eyes", databaseHoldsFourEyes},
	{"an approval keeps who was behind both people", approvalKeepsPeople},
	{"an approval that is renewed is recorded as that", renewedApproval},
	{"approvals that race have one outcome", approvalsRace},
	{"a correction waits for its second person, once", corrections},
	{"an alert counts up until somebody has looked at it", alertIsLookedAt},
	{"an alert about an account is its merchant's", alertOfAnAccount},
	{"an alert is told once", alertIsToldOnce},
	{"a bulk job is read as it was written, and a file is one job", bulkJobIsKept},
	{"the database itself demands a second person for a bulk job", databaseHoldsSecondPerson},
	{"masking reaches what is stored of a person, and leaves open refunds", masked},
	{"masking reaches lines of files of which nothing is sent any more", maskedLines},

	{"what the overview counts is what the refunds are", countsAreExact},
	{"events that don't say what was before are counted all the same", countsOfOldEvents},
	{"verify finds a wrong count, and counting passes what can't be counted", wrongCounts},
	{"the overview shows what waits now", overviewOfNow},
}

var acrossMerchants = []suiteCase{
	{"due refunds are found oldest first", dueRefunds},
	{"due refunds are found by account and by their next step", dueOfAccounts},
	{"what is due next is found of everything", nextDue},
	{"corrupt refunds are left out of a claim and set apart", corruptRefunds},
	{"corrupt refunds are left out of pages and of approvals, and named", corruptRefundsOfPages},
	{"the index of due refunds knows the next step as the rules do", stepsInTheIndex},
	{"leases are taken over", leasesAreTakenOver},
	{"successes to be watched are made due once", watchedOnce},
	{"refunds that need a person are listed and counted", needPerson},
	{"a pause keeps the accounts that it covers from sending", pausesCover},
	{"what a pause holds up is put off while nobody has claimed it", pausedIsPutOff},
	{"what a pause put off is sent when it has ended", resumedScopeSends},
	{"merchants with new events take turns", merchantsInTurn},
	{"since when the oldest event and delivery wait is known", oldestOfWhatWaits},
	{"figures count what waits, of all merchants", figures},
	{"what ends first is found", expiries},
	{"a delivery that could not be made waits and is not sent", unmadeDeliveryWaits},
	{"a delivery that could not be made is made once", unmadeDeliveryIsMadeOnce},
}

// fixture is what one case works with.
type fixture struct {
	*store.Store
	url      string
	merchant string
}

var merchants atomic.Int64

func newMerchant() string { return fmt.Sprintf("mer_%d", merchants.Add(1)) }

// exec runs a statement behind the store's back and gives the rows it touched.
func (f *fixture) exec(t testing.TB, text string, args ...any) (int64, error) {
	t.Helper()
	driver, name := "pgx", f.url
	if path, is := strings.CutPrefix(f.url, "sqlite:"); is {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	result, err := db.ExecContext(t.Context(), text, args...)
	if err != nil {
		return 0, err
	}
	touched, err := result.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return touched, nil
}

// must is exec for statements that touch exactly one row.
func (f *fixture) must(t testing.TB, text string, args ...any) {
	t.Helper()
	if touched, err := f.exec(t, text, args...); err != nil || touched != 1 {
		t.Fatalf("%s: %d rows, %v", text, touched, err)
	}
}

// at is a time of these cases, in whole microseconds as columns hold them.
func at(seconds int) time.Time {
	return time.Date(2026, 11, 22, 10, 0, seconds, 123456000, time.UTC)
}

// charge is a charge that nobody knows yet.
func (f *fixture) charge(amount money.Minor) refund.Charge {
	id := refund.NewID(at(0))
	return refund.Charge{
		MerchantID: f.merchant, ID: "ch_" + id, OrderNo: "T" + id[:8], Channel: "wx", ChannelAccount: "account_1",
		TransactionID: "4200" + id, Currency: "CNY", Amount: amount, PaidAt: at(0), CreatedAt: at(1),
		Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Name: "ch_" + id}},
	}
}

func (f *fixture) registered(t testing.TB, c refund.Charge) refund.Charge {
	t.Helper()
	stored, again, err := f.RegisterCharge(t.Context(), c, nil)
	if err != nil || again {
		t.Fatalf("register charge: again %v, %v", again, err)
	}
	return stored
}

// request asks for a refund with an id of its own.
func request(c refund.Charge, amount money.Minor) refund.Request {
	id := refund.NewID(at(2))
	return refund.Request{RefundID: "re_" + id, ChannelNumber: id, ChargeID: c.ID, Amount: &amount}
}

// accept takes requests on one charge through a transaction of the intake.
func (f *fixture) accept(t testing.TB, c refund.Charge, now time.Time, requests ...refund.Request) []refund.Refund {
	t.Helper()
	var made []refund.Refund
	err := f.InTx(t.Context(), func(tx intake.Tx) error {
		key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
		locked, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		unit := refund.Unit{MerchantID: c.MerchantID, Requests: requests, By: refund.Asker{Key: "key_1", Dialect: "native", Address: "127.0.0.1", RequestID: "iar_1"}}
		changes, refusal := refund.Accept(map[string]refund.Charge{c.ID: locked[key]}, unit, refund.RuleBook{}, now)
		if refusal != nil {
			return refusal
		}
		made = changes[0].Refunds
		return tx.Insert(t.Context(), changes)
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (f *fixture) readCharge(t testing.TB, id string) refund.Charge {
	t.Helper()
	c, err := f.Charge(t.Context(), f.merchant, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fixture) readRefund(t testing.TB, id string) refund.Refund {
	t.Helper()
	r, err := f.Refund(t.Context(), f.merchant, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keyOf(r refund.Refund) refund.Key {
	return refund.Key{MerchantID: r.MerchantID, ID: r.ID}
}

// record is an action that the command line asked for.
func (f *fixture) record(action, requestID string) refund.Action {
	r := audit.New(audit.ByCommand("root"), f.merchant, action, "", at(0))
	r.RequestID = requestID
	return refund.Action{Record: r}
}

// wantKind compares an error's kind; "" is none.
func wantKind(t testing.TB, err error, want refund.Kind) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && refund.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
	}
}

// within returns what a function returns, or fails when it takes too long: it
// waits for something that does not come.
func within[T any](t testing.TB, what string, work func(context.Context) T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	done := make(chan T, 1)
	go func() { done <- work(ctx) }()
	select {
	case value := <-done:
		return value
	case <-ctx.Done():
		t.Fatalf("waited too long until %s", what)
		panic("not reached")
	}
}
