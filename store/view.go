package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	viewsOf  = `SELECT v.name, v.query, v.created_at FROM saved_views v WHERE v.user_id = $1 AND v.page = $2 ORDER BY v.name`
	saveView = `INSERT INTO saved_views (user_id, page, name, query, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, page, name) DO UPDATE SET query = excluded.query`
	dropView   = `DELETE FROM saved_views WHERE user_id = $1 AND page = $2 AND name = $3`
	countViews = `SELECT COUNT(*) FROM saved_views v WHERE v.user_id = $1 AND v.page = $2 AND v.name <> $3`
)

// Views lists the lists of a page that a user has kept, by name.
func (s *Store) Views(ctx context.Context, userID, page string) ([]merchant.View, error) {
	var views []merchant.View
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, viewsOf, []any{userID, page}, func(scan func(...any) error) error {
			v := merchant.View{UserID: userID, Page: page}
			var at int64
			err := scan(&v.Name, &v.Query, &at)
			v.CreatedAt = sqldb.FromMicros(at)
			views = append(views, v)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list saved views: %w", err)
	}
	return views, nil
}

// SaveView keeps a list, in the place of one with its name. KindInvalid where the user
// has as many as there may be.
func (s *Store) SaveView(ctx context.Context, v merchant.View, action refund.Action) error {
	err := s.changeView(ctx, action, func(q sqldb.Querier) error {
		var others int64
		err := q.Query(ctx, countViews, []any{v.UserID, v.Page, v.Name}, func(scan func(...any) error) error { return scan(&others) })
		if err == nil && others >= merchant.MaxViews {
			err = refund.Errorf(refund.KindInvalid, "name", "there are %d saved views already; remove one first", merchant.MaxViews)
		}
		if err != nil {
			return err
		}
		_, err = q.Exec(ctx, saveView, v.UserID, v.Page, v.Name, v.Query, sqldb.Micros(v.CreatedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	return nil
}

// changeView changes somebody's lists, with the record where an action has one.
func (s *Store) changeView(ctx context.Context, action refund.Action, change func(sqldb.Querier) error) error {
	return s.writeOnce(ctx, action.MerchantID, action.Write, func(q sqldb.Querier) error {
		err := change(q)
		if err != nil || action.Actor == (audit.Actor{}) {
			return err
		}
		return s.appendAudit(ctx, q, action.Record)
	})
}

// DropView forgets a list; one that is not there is no error.
func (s *Store) DropView(ctx context.Context, userID, page, name string, action refund.Action) error {
	err := s.changeView(ctx, action, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, dropView, userID, page, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove view: %w", err)
	}
	return nil
}
