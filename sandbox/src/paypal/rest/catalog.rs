//! Products and plans, as merchants ask for them.

use salvo::prelude::{Depot, Request, handler};
use serde_json::{Value, json};

use crate::paypal::{
    error::{Answer, ApiError, Reply},
    front,
    world::{NewPlan, NewProduct},
};

/// Items of a page, unless told, and at most.
const PAGE_SIZE: usize = 10;
const PAGE_SIZE_MAX: usize = 20;

#[handler]
pub async fn create_product(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key) = (front::sandbox(depot)?, front::request_id(request));
    let body = front::body(request).await?;
    sandbox.change(|world, now| {
        let before = world.replay("product", key.as_deref(), &body);
        let replayed = before.is_some();
        let id = match before {
            Some(id) => id,
            None => {
                let id = world.create_product(front::json::<NewProduct>(&body)?, now)?;
                world.store("product", key.as_deref(), &body, &id);
                id
            }
        };
        let product = world.products.get(&id).ok_or_else(ApiError::not_found)?;
        Ok(front::made(replayed, 201, world.product_wire(product)))
    })
}

#[handler]
pub async fn show_product(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.product_wire(world.products.get(&id).ok_or_else(ApiError::not_found)?)))
}

#[handler]
pub async fn list_products(request: &mut Request, depot: &mut Depot) -> Answer {
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    let all: Vec<Value> = world.products.values().map(|product| world.product_wire(product)).collect();
    Ok(page(request, "products", all))
}

#[handler]
pub async fn create_plan(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key) = (front::sandbox(depot)?, front::request_id(request));
    let body = front::body(request).await?;
    sandbox.change(|world, now| {
        let before = world.replay("plan", key.as_deref(), &body);
        let replayed = before.is_some();
        let id = match before {
            Some(id) => id,
            None => {
                let id = world.create_plan(front::json::<NewPlan>(&body)?, now)?;
                world.store("plan", key.as_deref(), &body, &id);
                id
            }
        };
        let plan = world.plans.get(&id).ok_or_else(ApiError::not_found)?;
        Ok(front::made(replayed, 201, world.plan_wire(plan)))
    })
}

#[handler]
pub async fn show_plan(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.plan_wire(world.plans.get(&id).ok_or_else(ApiError::not_found)?)))
}

#[handler]
pub async fn list_plans(request: &mut Request, depot: &mut Depot) -> Answer {
    let product = request.query::<String>("product_id");
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    let plans = world.plans.values().filter(|plan| product.as_ref().is_none_or(|product| plan.product_id == *product));
    let all: Vec<Value> = plans.map(|plan| world.plan_wire(plan)).collect();
    Ok(page(request, "plans", all))
}

#[handler]
pub async fn activate(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, _| world.switch_plan(&id, true)).map(|()| Reply::empty())
}

#[handler]
pub async fn deactivate(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, _| world.switch_plan(&id, false)).map(|()| Reply::empty())
}

fn page(request: &Request, name: &str, all: Vec<Value>) -> Reply {
    let size = request.query::<usize>("page_size").unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE_MAX);
    let number = request.query::<usize>("page").unwrap_or(1).max(1);
    let (total, pages) = (all.len(), all.len().div_ceil(size));
    let items: Vec<Value> = all.into_iter().skip((number - 1) * size).take(size).collect();
    let mut body = json!({ name: items, "links": [] });
    if request.query::<bool>("total_required").unwrap_or(false) {
        body["total_items"] = json!(total);
        body["total_pages"] = json!(pages);
    }
    Reply::ok(body)
}
