// Package comparator grades what two records say about one thing. It holds the
// interface that every comparator of a linkage model implements, and comparators
// for the records of any population, All. It is pure: no I/O, no clock, no
// chance, and what it returns is the same on every machine (I2).
//
// In flow the values of one record in the order of a comparison's attributes;
// Append makes a feature of them, a few bytes. Out flow, from two features, the
// place of a level (Level), and from one, values for blocking keys (Keys), the
// value whose frequency counts (Term), and the number that keeps two records
// apart (Identifier, I3). Nothing here puts a value of a record into an error
// (I9).
//
// # Levels
//
// Levels stand in a model in their order; the first whose condition holds is the
// level of a pair, and the last is the rest: "none" for list, "different" for
// all others. A level may join conditions with "and" and "or"; "and" binds
// stronger:
//
//	levels:
//	  - identical
//	  - nickname or same_sound and starts_with 1
//	  - jaro_winkler >= 0.88
//	  - different
//
// Values are compared folded: Unicode NFKC, small letters, typographic quotes
// and dashes made plain, spaces at the ends dropped and runs of them made one.
// Accents stay, so é is not e; same_without_accents says that it is. At most
// 1,000 bytes of a value count, and distances look at its first 64 characters.
//
// Conditions on spelling, which text, email, identifier, postcode and full_name
// know (full_name asks them of all letters of the name in a row):
//
//	jaro_winkler >= x  similarity of Winkler (1990), above 0 to 1
//	jaro >= x          similarity of Jaro (1989)
//	levenshtein <= n   characters put in, left out or replaced
//	damerau <= n       the same, where an exchange of neighbours is one slip
//	                   (optimal string alignment)
//	starts_with n      the first n characters are the same
//	ends_with n        the last n characters are the same
//
// # Comparators
//
// text: one value, as it is written, sounds, or is shortened to.
//
//	identical             the same, folded
//	same_without_accents  the same without accents
//	same_letters          the same letters and digits: O'Brien and OBrien
//	contains n            one is part of the other and has n characters or more
//	same_sound            a Double Metaphone code in common (Philips 2000)
//	same_soundex          the same American Soundex code
//	nickname              may be forms of one English given name: Robert, Bob
//	swapped               each is the other's second attribute: given name and
//	                      surname in each other's field. A condition on spelling
//	                      may follow: swapped damerau <= 1
//	token_overlap >= x    share of the words of the shorter that are the longer's
//	and those on spelling
//	attributes            the value; with swapped a second one
//
// full_name: a name of a person in one field, or given name and surname in two;
// words count in any order, hyphens separate them, "Surname, Given" is turned.
//
//	identical              the same letters in the same order
//	same_tokens            the same words
//	subset                 all words of the shorter, two or more, are the other's
//	initials               as subset, where a letter may stand for a word; one
//	                       word must be the same
//	nickname               as subset, where a short form may stand for a name; one
//	                       word must be the same
//	token_similarity >= x  mean Jaro-Winkler of the shorter's words with the
//	                       nearest of the other; a name of one word is at most half
//	                       of one with more
//	shared_tokens >= n     n words of two letters or more in common
//	and those on spelling
//	setting ignore         words that are passed over; where nothing is given: mr,
//	                       mrs, ms, miss, dr, prof, rev, sir
//
// date: full, year and month, or year: yyyy-mm-dd, yyyymmdd, yyyy/m/d, yyyy年m月d日,
// with or without a time of day. Digits that are no day of the calendar are
// compared as digits.
//
//	identical               the same, equally precise
//	compatible              the same as far as both are known
//	swapped                 day and month exchanged
//	one_digit               one of the eight digits differs
//	levenshtein, damerau    of the digits of two days
//	within n days|months|years
//	same_year, same_month   the year; year and month
//	same_day_month          day and month
//	setting order           ymd, dmy or mdy, for dates with the year last and for
//	                        digits in a row; ymd where nothing is given, and then a
//	                        date with the year last is not read. Year first with
//	                        separators is read always. Years of two digits are not
//
// number: a quantity.
//
//	identical, within x, within x%   x% of the larger
//	setting decimal                  point (where nothing is given) or comma
//
// email: an address; a text without @ says nothing.
//
//	identical
//	same_user           what stands before @; a condition on spelling may follow:
//	                    same_user jaro_winkler >= 0.9
//	same_domain         what stands behind @
//	and those on spelling, of the whole address
//	setting plus_tags   ignore (where nothing is given) or keep: ann+shop@… is ann@…
//	setting gmail_dots  ignore (where nothing is given) or keep: a.nn@gmail.com is
//	                    ann@gmail.com, and googlemail.com is gmail.com
//
// list: several values in one field or in several attributes.
//
//	identical          the same elements
//	subset             all elements of the shorter are the other's
//	overlap >= n       n elements in common
//	share >= x         elements in common of all elements (Jaccard)
//	none               the rest
//	setting separator  the text between elements; a comma where nothing is given
//
// tokens: texts as sets of words without accents, of one attribute or several:
// addresses, organisations.
//
//	identical           the same words
//	jaccard >= x        words in common of all words, by weight
//	token_overlap >= x  words in common of those of the lighter, by weight
//	subset              all words of the shorter are the other's
//	overlap >= n        n words in common
//	setting weights     word: weight, 0 to 100; a word that is not named weighs 1
//
// exact: identical or different. Several attributes are one value, of which all
// must be there.
//
// identifier: a number that one entity alone has, by its letters and digits; one
// character over and over is a placeholder and says nothing. A comparison with
// it can be the exclusive one of a model.
//
//	identical, contains n, and those on spelling
//	setting pattern  regular expression of the letters and digits of a number that
//	                 can be right; another is compared but keeps nobody apart
//
// postcode: as identifier, without placeholders and pattern.
//
// # Parts of blocking keys
//
//	value       the whole                    all
//	first:n     the first n characters       text exact identifier postcode email full_name
//	last:n      the last n characters        the same
//	digits      the digits in a row          text exact identifier postcode email
//	            each word that has digits    tokens
//	soundex     the code                     text; full_name: of each word
//	metaphone   each of the codes            text; full_name: of each word
//	nickname    each formal name that it may stand for, itself where it is none's
//	                                         text; full_name: of each word
//	tokens      each word                    text full_name tokens
//	sorted      the words in the order of the alphabet
//	                                         text full_name tokens
//	initials    the first letters of words, in the order of the alphabet
//	                                         text full_name
//	user        what stands before @         email
//	domain      what stands behind @         email
//	element     each element                 list
//	year month day year_month day_month      date
//
// Term frequencies have one table, "value", in all comparators but list and
// tokens. Its values are folded, dates are yyyy-mm-dd, and the words of a
// full_name stand in the order of the alphabet.
package comparator
