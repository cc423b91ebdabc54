//! Whose devices a package is for.

use std::iter;

use otaru_wire::ProductKey;
use serde::{Deserialize, Serialize};

use crate::PackageError;

/// The most products that one package is for. One for each cloud that the same hardware is on is far less.
pub const MAX_PRODUCTS: usize = 16;

/// One to [`MAX_PRODUCTS`] products, none twice, in the order in which they were named. Several where the same hardware
/// is on several clouds, with a product on each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ProductKey>", into = "Vec<ProductKey>")]
pub struct ProductKeys {
    first: ProductKey,
    more: Vec<ProductKey>,
}

impl ProductKeys {
    /// The first; often the only one.
    pub fn first(&self) -> &ProductKey {
        &self.first
    }

    /// The only one; none if there are several.
    pub fn only(&self) -> Option<&ProductKey> {
        self.more.is_empty().then_some(&self.first)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &ProductKey> {
        iter::once(&self.first).chain(&self.more)
    }

    /// Is this one of them?
    pub fn contains(&self, product: &ProductKey) -> bool {
        self.iter().any(|known| known == product)
    }
}

impl From<ProductKey> for ProductKeys {
    fn from(only: ProductKey) -> Self {
        Self { first: only, more: Vec::new() }
    }
}

impl From<ProductKeys> for Vec<ProductKey> {
    fn from(products: ProductKeys) -> Self {
        products.iter().cloned().collect()
    }
}

impl TryFrom<Vec<ProductKey>> for ProductKeys {
    type Error = PackageError;

    fn try_from(keys: Vec<ProductKey>) -> Result<Self, PackageError> {
        if keys.len() > MAX_PRODUCTS {
            return Err(PackageError::TooManyProducts { count: keys.len() });
        }
        let mut keys = keys.into_iter();
        let mut products = Self::from(keys.next().ok_or(PackageError::NoProducts)?);
        for product in keys {
            if products.contains(&product) {
                return Err(PackageError::SameProduct { product });
            }
            products.more.push(product);
        }
        Ok(products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_product_one_twice_and_too_many_are_refused() {
        let key = |number: usize| ProductKey::new(format!("a{number}")).unwrap();
        let refused = |keys| ProductKeys::try_from(keys).unwrap_err();
        assert_eq!(refused(vec![]), PackageError::NoProducts);
        assert_eq!(refused(vec![key(1), key(2), key(1)]), PackageError::SameProduct { product: key(1) });
        assert_eq!(refused((0..17).map(key).collect()), PackageError::TooManyProducts { count: 17 });
        let most: Vec<_> = (0..16).map(key).collect();
        assert_eq!(Vec::from(ProductKeys::try_from(most.clone()).unwrap()), most);
    }

    #[test]
    fn a_product_among_several_is_not_the_only_one() {
        let (a, b): (ProductKey, ProductKey) = ("a1".parse().unwrap(), "b2".parse().unwrap());
        assert_eq!(ProductKeys::from(a.clone()).only(), Some(&a));
        let both = ProductKeys::try_from(vec![a.clone(), b.clone()]).unwrap();
        assert_eq!((both.first(), both.only()), (&a, None));
        assert!(both.contains(&b) && !both.contains(&"c3".parse().unwrap()));
    }
}
