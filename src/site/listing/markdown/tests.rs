//! Texts as HTML: what each construct becomes, and that no text does harm or costs much.
