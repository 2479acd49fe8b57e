package comparator

// All are the comparators of this package by the names that models use.
var All = Kinds{
	"date":       newDate,
	"email":      newEmail,
	"exact":      newExact,
	"full_name":  newFullName,
	"identifier": newIdentifier,
	"list":       newList,
	"number":     newNumber,
	"postcode":   newPostcode,
	"text":       newText,
	"tokens":     newTokens,
}
